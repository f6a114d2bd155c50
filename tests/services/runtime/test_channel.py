from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import grpc
import pytest
from ictogram.cases.v1 import cases_pb2, cases_pb2_grpc
from ictogram.intake.v1 import intake_pb2, intake_pb2_grpc
from ictogram.work.v1 import work_pb2

from schemas.errors import InvalidRequestError, NotFoundError, TimeoutExceededError, UnavailableError
from services.runtime import deadline, server
from services.runtime.channel import connect, connect_aio, stream_call, stream_call_aio
from services.runtime.settings import RuntimeSettings
from tests.services.runtime.conftest import SLACK_S, Loop, Running, Servicer
from tests.support.proxy import Proxy

Start = Callable[..., Running]
INFO = work_pb2.GetInfoRequest()
REQUEST = intake_pb2.IngestRequest()


def stub_of(channel: Any) -> Any:
    return intake_pb2_grpc.IntakeServiceStub(channel)


def proxied(running: Running) -> Proxy:
    return Proxy("127.0.0.1", running.server.port)


async def quiet_after_one(request: Any, context: Any) -> AsyncGenerator[Any, None]:
    yield intake_pb2.IngestResponse(progress={"stage": "one"})
    await asyncio.sleep(3600)


async def count_to_three(request: Any, context: Any) -> AsyncGenerator[Any, None]:
    for stage in ("1", "2", "3"):
        yield intake_pb2.IngestResponse(progress={"stage": stage})


# --- time-outs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [None, 0, -1.0])
def test_every_call_needs_a_time_out(start: Start, timeout: float | None) -> None:
    running = start(Servicer(ingest=count_to_three))
    with connect(running.address) as channel:
        with pytest.raises(InvalidRequestError, match="every call needs a positive one"):
            stub_of(channel).GetInfo(INFO, timeout=timeout)
        with pytest.raises(InvalidRequestError, match="every call needs a positive one"):
            list(stub_of(channel).Ingest(REQUEST, timeout=timeout))
    assert running.servicer.seen == []


def test_without_time_left_nothing_is_sent(start: Start) -> None:
    running = start()
    nothing_left = pytest.raises(TimeoutExceededError, match="were left")
    with connect(running.address) as channel, deadline.limit(0.001), nothing_left:
        stub_of(channel).GetInfo(INFO, timeout=5)
    assert running.servicer.seen == []


def test_a_peer_that_does_not_answer_in_time_is_a_timeout(start: Start) -> None:
    async def info(request: Any, context: Any) -> Any:
        await asyncio.sleep(3600)

    running = start(Servicer(info=info))
    with connect(running.address) as channel, pytest.raises(TimeoutExceededError, match="did not answer before"):
        stub_of(channel).GetInfo(INFO, timeout=0.3)


# --- retries ----------------------------------------------------------------------------------------------------------


def failing_first(times: int) -> tuple[Callable[[Any, Any], Any], list[int]]:
    tries: list[int] = []

    async def info(request: Any, context: Any) -> Any:
        tries.append(1)
        if len(tries) <= times:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
        return work_pb2.ServiceInfo(service="intake")

    return info, tries


def test_reading_calls_are_repeated_while_unavailable(start: Start) -> None:
    info, tries = failing_first(2)
    running = start(Servicer(info=info))
    with connect(running.address) as channel:
        assert stub_of(channel).GetInfo(INFO, timeout=SLACK_S).service == "intake"
    assert len(tries) == 3


def test_other_failures_are_not_repeated(start: Start) -> None:
    tries: list[int] = []

    async def info(request: Any, context: Any) -> Any:
        tries.append(1)
        raise NotFoundError

    running = start(Servicer(info=info))
    with connect(running.address) as channel, pytest.raises(NotFoundError):
        stub_of(channel).GetInfo(INFO, timeout=SLACK_S)
    assert len(tries) == 1


def test_mutations_are_not_repeated(loop: Loop) -> None:
    tries: list[int] = []

    class Cases(cases_pb2_grpc.CasesServiceServicer):  # type: ignore[misc]  # generated without types
        async def CancelCase(self, request: Any, context: Any) -> Any:  # noqa: N802
            tries.append(1)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")

    async def begin() -> server.Server:
        descriptor = cases_pb2.DESCRIPTOR.services_by_name["CasesService"]
        add = cases_pb2_grpc.add_CasesServiceServicer_to_server
        made = server.Server([server.Registration(descriptor, add, Cases())], RuntimeSettings(), "127.0.0.1:0")
        await made.start()
        return made

    running = loop.run(begin())
    with connect(f"127.0.0.1:{running.port}") as channel, pytest.raises(UnavailableError):
        cases_pb2_grpc.CasesServiceStub(channel).CancelCase(cases_pb2.CaseActionRequest(), timeout=SLACK_S)
    loop.run(running.stop())
    assert len(tries) == 1


# --- peers that go away -----------------------------------------------------------------------------------------------


def test_nobody_there_is_unavailable_at_once(free_port: int) -> None:
    unreachable = pytest.raises(UnavailableError, match="cannot be reached")
    with connect(f"127.0.0.1:{free_port}") as channel, unreachable as caught:
        list(stub_of(channel).Ingest(REQUEST, timeout=3600))
    assert "refused" in caught.value.details["transport"]


def test_a_peer_that_comes_back_is_found_again(start: Start, loop: Loop, free_port: int) -> None:
    running = start(listen=f"127.0.0.1:{free_port}")
    with connect(running.address, RuntimeSettings(reconnect_max_s=0.2)) as channel:
        assert stub_of(channel).GetInfo(INFO, timeout=SLACK_S).service == "intake"
        loop.run(running.server.stop())
        with pytest.raises(UnavailableError):
            list(stub_of(channel).Ingest(REQUEST, timeout=SLACK_S))
        start(listen=f"127.0.0.1:{free_port}")
        end = time.monotonic() + SLACK_S
        while True:
            try:
                assert stub_of(channel).GetInfo(INFO, timeout=SLACK_S).service == "intake"
                break
            except UnavailableError:
                assert time.monotonic() < end


def test_silence_ends_a_long_call(start: Start) -> None:
    running = start(Servicer(ingest=quiet_after_one))
    with connect(running.address) as channel:
        events = iter(stream_call(stub_of(channel).Ingest, REQUEST, timeout_s=3600, silence_s=0.3))
        assert next(events).progress.stage == "one"
        with pytest.raises(TimeoutExceededError, match=r"silent for 0\.3 s"):
            next(events)


def test_a_black_hole_ends_a_long_call(start: Start) -> None:
    async def chatty(request: Any, context: Any) -> AsyncGenerator[Any, None]:
        while True:
            yield intake_pb2.IngestResponse(progress={"stage": "on and on"})
            await asyncio.sleep(0.05)

    running = start(Servicer(ingest=chatty))
    with proxied(running) as proxy, connect(proxy.address) as channel:
        events = iter(stream_call(stub_of(channel).Ingest, REQUEST, timeout_s=3600, silence_s=1.0))
        next(events)
        proxy.stall()
        with pytest.raises(TimeoutExceededError, match="silent for 1 s"):
            list(events)


def test_keepalive_notices_a_black_hole_without_silence_limit(start: Start) -> None:
    running = start(Servicer(ingest=quiet_after_one))
    settings = RuntimeSettings().model_copy(update={"keepalive_s": 0.5, "keepalive_timeout_s": 0.5})
    with proxied(running) as proxy, connect(proxy.address, settings) as channel:
        events = iter(stub_of(channel).Ingest(REQUEST, timeout=3600))
        next(events)
        proxy.stall()
        with pytest.raises(UnavailableError, match="cannot be reached"):
            next(events)


def test_a_cut_connection_is_unavailable(start: Start) -> None:
    running = start(Servicer(ingest=quiet_after_one))
    with proxied(running) as proxy, connect(proxy.address) as channel:
        events = iter(stub_of(channel).Ingest(REQUEST, timeout=3600))
        next(events)
        proxy.cut()
        with pytest.raises(UnavailableError, match="cannot be reached"):
            next(events)


def test_silence_counts_between_messages_not_in_all(start: Start) -> None:
    async def steady(request: Any, context: Any) -> AsyncGenerator[Any, None]:
        for _ in range(10):
            yield intake_pb2.IngestResponse(progress={"stage": "steady"})
            await asyncio.sleep(0.2)

    running = start(Servicer(ingest=steady))
    with connect(running.address) as channel:
        assert len(list(stream_call(stub_of(channel).Ingest, REQUEST, timeout_s=3600, silence_s=1.5))) == 10


def test_a_call_can_be_cancelled_from_another_thread(start: Start) -> None:
    running = start(Servicer(ingest=quiet_after_one))
    with connect(running.address) as channel:
        stream = stream_call(stub_of(channel).Ingest, REQUEST, timeout_s=3600)
        events = iter(stream)
        next(events)
        threading.Timer(0.05, stream.cancel).start()
        with pytest.raises(UnavailableError, match="cancelled by its caller"):
            next(events)


def test_a_call_cancelled_before_it_began_does_not_begin(start: Start) -> None:
    running = start(Servicer(ingest=count_to_three))
    with connect(running.address) as channel:
        stream = stream_call(stub_of(channel).Ingest, REQUEST, timeout_s=3600)
        stream.cancel()
        with pytest.raises(UnavailableError, match="cancelled by its caller"):
            list(stream)


def test_leaving_a_stream_early_ends_the_call(start: Start, loop: Loop) -> None:
    left = threading.Event()

    async def watched(request: Any, context: Any) -> AsyncGenerator[Any, None]:
        try:
            async for event in quiet_after_one(request, context):
                yield event
        finally:
            left.set()

    running = start(Servicer(ingest=watched))
    with connect(running.address) as channel:
        for _ in stub_of(channel).Ingest(REQUEST, timeout=3600):
            break
        assert left.wait(SLACK_S)


# --- in an event loop -------------------------------------------------------------------------------------------------


def test_asynchronous_calls(start: Start, loop: Loop) -> None:
    async def info(request: Any, context: Any) -> Any:
        raise NotFoundError("no such thing")

    running = start(Servicer(info=info, ingest=count_to_three))

    async def test() -> list[str]:
        async with connect_aio(running.address) as channel:
            stub = stub_of(channel)
            with pytest.raises(NotFoundError, match="no such thing"):
                await stub.GetInfo(INFO, timeout=SLACK_S)
            with pytest.raises(InvalidRequestError, match="every call needs"):
                await stub.GetInfo(INFO)
            return [event.progress.stage async for event in stream_call_aio(stub.Ingest, REQUEST, timeout_s=SLACK_S)]

    assert loop.run(test()) == ["1", "2", "3"]


def test_asynchronous_streams_carry_errors(start: Start, loop: Loop) -> None:
    async def ingest(request: Any, context: Any) -> AsyncGenerator[Any, None]:
        yield intake_pb2.IngestResponse()
        raise NotFoundError("gone")

    running = start(Servicer(ingest=ingest))

    async def test() -> None:
        async with connect_aio(running.address) as channel:
            events = stub_of(channel).Ingest(REQUEST, timeout=SLACK_S)
            await anext(events)
            with pytest.raises(NotFoundError, match="gone"):
                await anext(events)

    loop.run(test())


def test_silence_ends_an_asynchronous_call(start: Start, loop: Loop) -> None:
    running = start(Servicer(ingest=quiet_after_one))

    async def test() -> None:
        async with connect_aio(running.address) as channel:
            events = stream_call_aio(stub_of(channel).Ingest, REQUEST, timeout_s=3600, silence_s=0.3)
            assert (await anext(events)).progress.stage == "one"
            with pytest.raises(TimeoutExceededError, match=r"silent for 0\.3 s"):
                await anext(events)

    loop.run(test())


def test_cancelling_the_task_cancels_the_call(start: Start, loop: Loop) -> None:
    left = threading.Event()

    async def info(request: Any, context: Any) -> Any:
        try:
            await asyncio.sleep(3600)
        finally:
            left.set()

    running = start(Servicer(info=info))

    async def test() -> None:
        async with connect_aio(running.address) as channel:
            task = asyncio.create_task(stub_of(channel).GetInfo(INFO, timeout=3600))
            while not running.servicer.seen:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    loop.run(test())
    assert left.wait(SLACK_S)


def test_addresses_become_names_that_are_looked_up_again() -> None:
    from services.runtime.channel import _target

    assert _target("intake") == ("intake", "dns:///127.0.0.1:50051")
    assert _target("host:1") == ("host:1", "dns:///host:1")
    assert _target("dns:///intake.site:50051") == ("intake.site:50051", "dns:///intake.site:50051")


def test_encrypted_and_mutually_authenticated(start: Start, tls_files: dict[str, str]) -> None:
    running = start(**tls_files)
    address = f"localhost:{running.server.port}"
    with connect(address, RuntimeSettings(**tls_files)) as channel:
        assert stub_of(channel).GetInfo(INFO, timeout=SLACK_S).service == "intake"
    for without in (RuntimeSettings(), RuntimeSettings(tls_ca=tls_files["tls_ca"])):
        with connect(address, without) as channel, pytest.raises(UnavailableError):
            list(stub_of(channel).Ingest(REQUEST, timeout=SLACK_S))
