"""What the computing services say of themselves: slots and digest, asked for in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ictogram.work.v1.work_pb2 import GetInfoRequest

from schemas.case import StepName
from schemas.errors import IctogramError
from services.cases.background import unobserved
from services.cases.calls import STUBS
from services.cases.settings import CasesSettings
from services.runtime import logs
from services.runtime.channel import connect

ASK_TIMEOUT_S = 2.0
"""A service answers GetInfo at once or is not to be given work."""
ASK_AGAIN_S = 0.5
"""Pause before a service that did not answer is asked again."""

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What counts for planning."""

    slots: int
    digest: str


class SlotBook:
    """The latest facts of every service; one that does not answer gets no work until it does."""

    def __init__(
        self, settings: CasesSettings, changed: Callable[[], None], kinds: Iterable[StepName] = StepName
    ) -> None:
        self._settings = settings
        self._changed = changed
        self._facts: dict[StepName, ServiceFacts | None] = dict.fromkeys(kinds)
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to ask, one thread per service: one that hangs must not hide the others."""
        for kind in self._facts:
            thread = threading.Thread(target=self._ask_on, args=(kind,), name=f"slots-{kind}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stop asking."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(ASK_TIMEOUT_S + 1)

    def facts(self, kind: StepName) -> ServiceFacts | None:
        """The facts of a step's service; None while it does not answer."""
        return self._facts[kind]

    def _ask_on(self, kind: StepName) -> None:
        with connect(kind.value) as channel:
            ask = STUBS[kind][0](channel).GetInfo
            while not self._stopped.is_set():
                with unobserved():
                    told = self._ask(ask)
                if told != self._facts[kind]:
                    self._facts[kind] = told
                    log.info("service changed", step=kind.value, slots=told.slots if told else 0)
                    self._changed()
                self._stopped.wait(self._settings.info_s if told else ASK_AGAIN_S)

    @staticmethod
    def _ask(ask: Callable[..., object]) -> ServiceFacts | None:
        try:
            info = ask(GetInfoRequest(), timeout=ASK_TIMEOUT_S)
        except IctogramError:
            return None
        return ServiceFacts(max(0, info.slots), info.digest)  # type: ignore[attr-defined]
