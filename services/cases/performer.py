"""Carries out one step: claim, ask the service, keep the lease alive, write down what came of it.

Knows nothing of the broker. Whatever goes wrong, nothing is written without the lease, and a step that this process
forgets comes back when its lease runs out.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from google.protobuf.message import Message
from opentelemetry import trace
from opentelemetry.trace import Link
from structlog.contextvars import bound_contextvars

from schemas.case import StepName
from schemas.errors import (
    BusyError,
    EngineMismatchError,
    IctogramError,
    InternalError,
    LeaseLostError,
    ObjectMissingError,
    StorageFullError,
    TimeoutExceededError,
    UnavailableError,
)
from services.cases import calls
from services.cases.settings import CasesSettings
from services.cases.store import cases, entries, results, runs, steps, sweep
from services.cases.store.database import Database
from services.cases.store.steps import Claim
from services.runtime import failpoints, logs, telemetry
from services.runtime.channel import Channel, Stream, connect, stream_call
from services.runtime.errors import understood
from services.runtime.objects import ObjectStore

log = logs.get(__name__)


class Performer:
    """Runs steps on the threads that call `perform`; `stop` makes all of them let go at once."""

    def __init__(
        self,
        settings: CasesSettings,
        database: Database,
        objects: ObjectStore,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._objects = objects
        self._alive = alive
        self._lock = threading.Lock()
        self._channels: dict[StepName, Channel] = {}
        self._streams: set[Stream[Any]] = set()
        self._stopping = False

    def perform(self, step_id: str) -> None:
        """Carry out a step if it is due and nobody holds it; otherwise return at once.

        Raises UnavailableError only when not even the claim could be made.
        """
        self._alive()
        if self._stopping:
            with self._database.worker() as connection:
                sweep.unring(connection, [step_id])
            return
        with self._database.worker() as connection:
            held = steps.claim(connection, step_id, self._settings.lease_s)
        if held is None:
            return
        ids = {"site_id": held.site_id, "case_id": held.case_id, "run_id": held.run_id, "step_id": held.step_id}
        with self._traced(held), bound_contextvars(**ids, step=held.name.value):
            attempt = _Attempt(held)
            try:
                self._carry_out(attempt)
            except LeaseLostError:
                log.info("lease lost; nothing written", attempt=held.attempt)
            except Exception as error:  # noqa: BLE001 - whatever it is, the step must not stay held by nobody
                self._settle(attempt, error)

    def stop(self) -> None:
        """Cancel every call in flight and give its step back; further steps are not begun."""
        with self._lock:
            self._stopping = True
            streams = list(self._streams)
        for stream in streams:
            stream.cancel()

    def close(self) -> None:
        """Close the channels."""
        with self._lock:
            for channel in self._channels.values():
                channel.close()
            self._channels.clear()

    def _carry_out(self, attempt: _Attempt) -> None:
        held = attempt.held
        if not held.expected_digest:
            raise BusyError("the run has not been told yet which engine to expect")
        failpoints.hit("cases.step.claimed_before_call")
        known = self._known(held)
        request = calls.build(held, known, self._output_prefix(held))
        key = calls.key(held, request)
        with self._database.worker() as connection:
            key, stored = results.find_whole(connection, held.site_id, key)
        if stored is not None:
            trace.get_current_span().set_attributes({"ictogram.reused": True})
            self._finish(held, key, stored, reused=True)
            return
        seconds = calls.video_s(held, known, self._settings.least_bytes_per_video_s)
        deadline_s = self._settings.deadline_base_s + self._settings.deadline_per_video_s * seconds
        result = self._call(attempt, request, deadline_s)
        failpoints.hit("cases.step.result_before_commit")
        self._finish(held, key, result.SerializeToString(deterministic=True), reused=False)
        failpoints.hit("cases.step.committed_before_ring")

    def _known(self, held: Claim) -> calls.Known:
        with self._database.worker() as connection:
            case = cases.load(connection, held.case_id)
            found = results.of_run(connection, held.run_id)
            if held.name is not StepName.REPORT:
                return calls.Known(case, found)
            entered = entries.of_case(connection, held.case_id)
            edition = results.edition(connection, held.run_id)
            return calls.Known(case, found, edition, entered.tests, entered.interventions, entered.reads)

    def _call(self, attempt: _Attempt, request: Message, deadline_s: float) -> Message:
        stream = stream_call(self._method(attempt.held.name), request, timeout_s=deadline_s)
        with self._registered(stream):
            for response in stream:
                attempt.heard = True
                self._alive()
                if response.WhichOneof("event") == "result":
                    result: Message = response.result
                    return result
                self._report(attempt, response.progress)
        raise InternalError(f"the {attempt.held.name} service ended its answer without a result")

    def _report(self, attempt: _Attempt, progress: Any) -> None:
        """One UPDATE: heartbeat, progress and cancel check. Not more often than anybody can see."""
        now = time.monotonic()
        if now - attempt.reported_at < min(0.2, self._settings.lease_s / 10):
            return
        attempt.reported_at = now
        try:
            with self._database.worker() as connection:
                still_held = steps.progress(
                    connection,
                    attempt.held,
                    self._settings.lease_s,
                    progress.fraction,
                    progress.stage,
                    progress.message,
                )
        except UnavailableError:
            # A database that restarts must not cost the work of hours; the lease decides when it is back.
            log.warning("progress not written", attempt=attempt.held.attempt)
            return
        if not still_held:
            raise LeaseLostError

    def _finish(self, held: Claim, key: str, result: bytes, *, reused: bool) -> None:
        """Write the end of the step down; a database that is away is waited for as long as the lease may last."""
        give_up_at = time.monotonic() + self._settings.lease_s
        while True:
            try:
                with self._database.worker() as connection:
                    results.finish(
                        connection,
                        held,
                        key,
                        result,
                        digest=held.expected_digest,
                        reused=reused,
                        destinations=self._settings.destinations,
                    )
            except ObjectMissingError:
                raise  # what the result names was deleted: waiting brings nothing back
            except UnavailableError:
                if time.monotonic() > give_up_at or self._stopping:
                    raise
                time.sleep(0.5)
            else:
                log.info("step reused" if reused else "step done", attempt=held.attempt)
                return

    def _settle(self, attempt: _Attempt, raised: BaseException) -> None:
        """Write down that the attempt went wrong: once more, later, or never again."""
        held, error = attempt.held, understood(raised)
        if isinstance(error, InternalError):
            log.error("step went wrong", code=error.code, attempt=held.attempt, exc_info=raised)
        else:
            log.warning("step went wrong", code=error.code, error=error.message, attempt=held.attempt)
        trace.get_current_span().set_attribute("ictogram.code", error.code)
        try:
            with self._database.worker() as connection:
                self._decide(connection, attempt, error)
        except UnavailableError:
            log.warning("the database is away; the lease will run out", attempt=held.attempt)

    def _decide(self, connection: Any, attempt: _Attempt, error: IctogramError) -> None:
        held, settings = attempt.held, self._settings
        if self._stopping and not isinstance(error, InternalError):
            steps.give_back(connection, held, 0.0, counted=False)
        elif isinstance(error, BusyError):
            pause_s = settings.busy_pause_s * random.uniform(0.5, 1.5)
            steps.give_back(connection, held, pause_s, counted=False, error=error)
        elif _not_its_fault(error, heard=attempt.heard) and held.waits < settings.max_refusals:
            if isinstance(error, EngineMismatchError):
                runs.lock(connection, held.run_id)
                runs.unpin(connection, held.run_id, held.name.value, held.step_id)
            steps.give_back(connection, held, self._backoff_s(held.waits + 1), counted=False, error=error)
        elif error.retryable and held.attempt < held.max_attempts:
            steps.give_back(connection, held, self._backoff_s(held.attempt), counted=True, error=error)
        else:
            steps.fail(connection, held, error)

    def _backoff_s(self, times: int) -> float:
        """Doubles each time up to a limit; jitter keeps many steps from returning at once."""
        longest = min(self._settings.backoff_s * 2.0 ** min(times - 1, 20), self._settings.backoff_max_s)
        return longest * random.uniform(0.5, 1.0)

    def _output_prefix(self, held: Claim) -> str:
        """Each lease writes to a place of its own, so that a worker that lost it overwrites nothing."""
        where = f"{held.name}-{held.recording_id}" if held.recording_id else held.name.value
        return self._objects.join("", held.site_id, held.case_id, held.run_id, f"{where}-{held.lease_token.hex[:8]}")

    def _method(self, name: StepName) -> Callable[..., Stream[Any]]:
        stub, method = calls.STUBS[name]
        with self._lock:
            if name not in self._channels:
                self._channels[name] = connect(name.value)
            channel = self._channels[name]
        bound: Callable[..., Stream[Any]] = getattr(stub(channel), method)
        return bound

    @contextmanager
    def _registered(self, stream: Stream[Any]) -> Iterator[None]:
        with self._lock:
            self._streams.add(stream)
            if self._stopping:
                stream.cancel()
        try:
            yield
        finally:
            with self._lock:
                self._streams.discard(stream)
            stream.cancel()

    @contextmanager
    def _traced(self, held: Claim) -> Iterator[None]:
        """The step's span: under the message's span if there is one, else under the request that started the run."""
        current = trace.get_current_span().get_span_context()
        origin = trace.get_current_span(telemetry.context_of(held.traceparent)).get_span_context()
        same = current.is_valid and current.trace_id == origin.trace_id
        attributes = {
            "ictogram.step": held.name.value,
            "ictogram.step_id": held.step_id,
            "ictogram.case_id": held.case_id,
            "ictogram.run_id": held.run_id,
            "ictogram.attempt": held.attempt,
        }
        with telemetry.tracer().start_as_current_span(
            f"step {held.name}",
            context=None if same else telemetry.context_of(held.traceparent),
            attributes=attributes,
            # Rung more than once: the link leads to the request, whatever became of the earlier attempt's spans.
            links=[Link(origin)] if held.rings > 1 and origin.is_valid else [],
            record_exception=False,
        ):
            yield


class _Attempt:
    """One held step while it is carried out."""

    def __init__(self, held: Claim) -> None:
        self.held = held
        self.heard = False
        """The service has answered at least once."""
        self.reported_at = float("-inf")


def _not_its_fault(error: IctogramError, *, heard: bool) -> bool:
    """The step itself did nothing to fail: no service there, no disk, or another engine."""
    if isinstance(error, StorageFullError | EngineMismatchError):
        return True
    return isinstance(error, UnavailableError) and not isinstance(error, TimeoutExceededError) and not heard
