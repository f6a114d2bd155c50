"""Many cases while random processes of the stack die at random moments: one report and one delivery each, no more.

``make soak CASES=200 SEED=1``. The seed decides what is hit, how and after which pause; what it hits just then depends
on the machine.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from schemas.errors import UnavailableError
from services.launcher.stack import PARTS
from tests.support import null_engines
from tests.support.stack import StackUnderTest, running_stack, wait_for
from tests.support.videos import scene, write_video

CASES = int(os.environ.get("SOAK_CASES", "200"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
AT_ONCE = 6
"""Senders at work; each sends the next case when its last one is taken."""
PAUSE_S = (0.5, 4.0)
"""Shortest and longest time between two hits."""
HITS = {signal.SIGKILL: 8, signal.SIGSTOP: 1, signal.SIGTERM: 1}
"""What is done to a process, by weight."""
TARGETS = ("postgres", "broker", *sorted(set(PARTS) - {"monitoring"}))
SETTINGS = {
    **null_engines.SETTINGS,
    # Each hit costs what it interrupts an attempt; here a case is hit again and again through no fault of its own.
    "ICTOGRAM_CASES_MAX_ATTEMPTS": "50",
    "ICTOGRAM_CASES_DELIVERY_MAX_ATTEMPTS": "50",
}
PATIENCE_S = 600.0


class Killer:
    """A thread that hits parts, or single processes within them, until told to stop."""

    def __init__(self, under_test: StackUnderTest) -> None:
        self._supervisor = under_test.stack.supervisor
        self._chance = random.Random(SEED)
        self.hits: Counter[tuple[str, str]] = Counter()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="killer")

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._done.set()
            self._thread.join()

    def _run(self) -> None:
        numbers, weights = list(HITS), list(HITS.values())
        while not self._done.wait(self._chance.uniform(*PAUSE_S)):
            part = self._chance.choice(TARGETS)
            number = self._chance.choices(numbers, weights)[0]
            inner, place = self._chance.random() < 0.4, self._chance.random()
            with suppress(ProcessLookupError, psutil.NoSuchProcess, UnavailableError):  # it was just dying by itself
                self._hit(part, number, inner=inner, place=place)

    def _hit(self, part: str, number: signal.Signals, *, inner: bool, place: float) -> None:
        """One process within the part, such as a computing child or a Postgres backend, or the part as a whole."""
        within = psutil.Process(self._supervisor.pid(part)).children(recursive=True) if inner else []
        if within:
            number = signal.SIGKILL  # nobody would notice that one of them was only stopped
            within[int(place * len(within))].send_signal(number)
        else:
            self._supervisor.kill(part, number)
        self.hits[f"{part}, within" if within else part, number.name] += 1


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.req("a-killed-process-loses-nothing")
def test_nothing_is_lost_and_nothing_done_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    with running_stack(tmp_path / "home", SETTINGS) as under_test:
        killer = Killer(under_test)

        def send(number: int) -> str:
            video = write_video(tmp_path / f"{number}.mp4", scene(seed=10_000 * SEED + number), seconds=2.0)
            case_id = under_test.submit(video, patience_s=PATIENCE_S)
            video.unlink()
            return case_id

        with killer.at_work(), ThreadPoolExecutor(AT_ONCE) as senders:
            cases = list(senders.map(send, range(CASES)))
            wait_for(
                lambda: len(_ended(under_test)) >= 0.9 * CASES,  # the last ones end in peace, as a real night does
                lambda: f"nine of ten cases to end; ended: {Counter(_ended(under_test).values())}",
                PATIENCE_S,
            )
        under_fire_s = time.monotonic() - began
        for case_id in cases:
            under_test.wait_delivered(case_id, PATIENCE_S)
        _check_once_only(under_test, cases)
        with capsys.disabled():
            print(_table(under_test, killer.hits, under_fire_s, time.monotonic() - began))  # noqa: T201 - the result


def _ended(under_test: StackUnderTest) -> Mapping[str, str]:
    try:
        rows = under_test.rows("SELECT id::text, status FROM \"case\" WHERE status NOT IN ('queued', 'running')")
    except psycopg.OperationalError:  # Postgres is just being killed
        return {}
    return {row["id"]: row["status"] for row in rows}


def _check_once_only(under_test: StackUnderTest, cases: list[str]) -> None:
    assert len(set(cases)) == CASES
    counts = under_test.rows(
        'SELECT (SELECT count(*) FROM "case") AS cases, (SELECT count(*) FROM run) AS runs,'
        " (SELECT count(*) FROM report_version) AS reports, (SELECT count(*) FROM delivery) AS deliveries,"
        " (SELECT count(*) FROM step WHERE status = 'done') AS steps"
    )
    whole = {"cases": CASES, "runs": CASES, "reports": CASES, "deliveries": CASES, "steps": 5 * CASES}
    assert counts == [whole], "a case, run, report, delivery or step too many or too few"
    ends = under_test.rows(
        "SELECT step_id, count(*) AS n FROM progress_log WHERE event IN ('done', 'reused') GROUP BY 1"
    )
    assert {row["n"] for row in ends} == {1}, "a finished step was done again"
    reports = [
        json.loads(path.read_text(encoding="utf-8")) for path in under_test.stack.delivered.glob("*/v1/report.json")
    ]
    assert sorted(report["case_id"] for report in reports) == sorted(cases), "one delivered report for each case"
    folders = [path for path in under_test.stack.delivered.glob("*/*") if path.is_dir()]
    assert len(folders) == CASES, "nothing beside the first versions, not even a draft"


def _table(under_test: StackUnderTest, hits: Counter[tuple[str, str]], under_fire_s: float, whole_s: float) -> str:
    again = under_test.rows(
        "SELECT sum(attempt) - count(*) AS steps, (SELECT sum(claims) - count(*) FROM delivery) AS deliveries FROM step"
    )[0]
    signals = [number.name for number in HITS]
    parts = sorted({part for part, _ in hits})
    lines = [
        "",
        f"{CASES} cases, seed {SEED}: all reported once and delivered once, nothing lost, nothing twice",
        f"{sum(hits.values())} hits within {under_fire_s:.0f} s; {whole_s:.0f} s until the last delivery",
        f"attempts beyond the first: steps {again['steps']}, deliveries {again['deliveries']}",
        f"{'process':24}" + "".join(f"{name:>10}" for name in signals) + f"{'restarts':>10}",
    ]
    for part in parts:
        restarts = "" if "," in part else str(under_test.stack.supervisor.restarts(part))
        lines.append(f"{part:24}" + "".join(f"{hits[part, name]:>10}" for name in signals) + f"{restarts:>10}")
    return "\n".join(lines)
