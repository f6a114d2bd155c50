"""Fail points: places where a test makes the system die, hang or fail, to prove that it recovers.

``hit(name)`` does nothing unless ``ICTOGRAM_FAILPOINTS`` is set. Its value is a list such as
``cases.step.result_before_commit=kill@1,delivery.before_post=delay:0.5``, or ``@/path/of/a/file`` that holds such a
list and is read again at every hit, so that a test arms a running stack. Actions:

* ``kill``: SIGKILL to this process; ``freeze``: SIGSTOP;
* ``error`` or ``error:<code>``: raises the `IctogramError` with that code (``unavailable`` by default);
* ``delay:<seconds>``.

``@N`` lets an action fire at the N-th hit only. Hits are counted in a file next to the list (``<list>.counts``), or in
``ICTOGRAM_FAILPOINTS_DIR`` for an inline list, across processes and restarts; an inline list without that folder counts
in memory. With an empty list in a file, hits are only counted: that is how a test sees which points a run passed.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import UnavailableError, by_code

VARIABLE = "ICTOGRAM_FAILPOINTS"
FOLDER_VARIABLE = "ICTOGRAM_FAILPOINTS_DIR"

POINTS: dict[str, str] = {
    "gateway.upload.committed_before_ring": "the upload stands in the object store; its case has not been asked for",
    "cases.case.committed_before_ring": "the case and its first run are in the store; the caller has no answer yet",
    "cases.ring.marked_before_publish": "a due step is marked as rung; its message is not sent",
    "cases.step.claimed_before_call": "a worker holds the step; the service has not been called",
    "service.object_written_before_result": "a service wrote its outputs; its Result is not sent",
    "cases.step.result_before_commit": "the Result arrived; nothing is written down",
    "cases.step.committed_before_ring": "the step is done in the store; its successors have not been rung",
    "cases.garbage.doomed_before_delete": "objects to go are decided on for good; none is deleted from the store",
    "cases.garbage.deleted_before_noted": "objects are gone from the store; their rows do not say so",
    "delivery.outbox_read_before_send": "a due delivery was read; its message is not sent",
    "delivery.claimed_before_attempt": "the delivery is leased; no attempt is recorded",
    "delivery.before_post": "an attempt is recorded; nothing is sent to the destination",
    "delivery.server_committed_before_response": "the destination took it; its answer is not processed",
    "delivery.before_read_back": "sent and answered; not yet read back",
    "delivery.read_back_before_finish": "read back and found right; not yet written down",
}
"""Every fail point of the house, and what has and has not happened there."""

_counts_in_memory: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class Action:
    """What happens at a point."""

    kind: str
    argument: str = ""
    at_hit: int = 0
    """Fires at this hit only, counted from 1; 0: at every hit."""


def hit(name: str) -> None:
    """Pass the point: usually nothing happens. Blocks while a delay lasts; see `hit_aio` for event loops."""
    delay_s = _fire(name)
    if delay_s:
        time.sleep(delay_s)


async def hit_aio(name: str) -> None:
    """`hit` for coroutines: a delay does not block the event loop."""
    delay_s = _fire(name)
    if delay_s:
        await asyncio.sleep(delay_s)


def hits(path: Path) -> dict[str, int]:
    """How often each point was passed, from the counts beside the list at ``path``."""
    counts = Path(f"{path}.counts")
    return dict(json.loads(counts.read_text() or "{}")) if counts.exists() else {}


def parse(text: str) -> dict[str, Action]:
    """The actions of a list; raises ValueError for unknown points and actions."""
    actions: dict[str, Action] = {}
    for entry in text.replace("\n", ",").split(","):
        if not entry.strip():
            continue
        name, _, rule = entry.strip().partition("=")
        rule, _, at_hit = rule.partition("@")
        kind, _, argument = rule.partition(":")
        if name not in POINTS:
            raise ValueError(f"'{name}' is no fail point; they are {', '.join(POINTS)}")
        if kind not in ("kill", "freeze", "error", "delay"):
            raise ValueError(f"'{kind}' is no action; they are kill, freeze, error, delay")
        actions[name] = Action(kind, argument, int(at_hit or 0))
    return actions


def _fire(name: str) -> float:
    """Count the hit and do what is armed, if anything is; returns the seconds to wait."""
    setting = os.environ.get(VARIABLE)
    if not setting:
        return 0.0
    if name not in POINTS:
        raise ValueError(f"'{name}' is no fail point; add it to the registry with its meaning")
    listed, counts = _source(setting)
    number = _count(name, counts)
    action = parse(listed).get(name)
    if action is None or action.at_hit not in (0, number):
        return 0.0
    return _act(action, name)


def _source(setting: str) -> tuple[str, Path | None]:
    """The list and the file that counts its hits."""
    if setting.startswith("@"):
        path = Path(setting[1:])
        return (path.read_text() if path.exists() else ""), Path(f"{path}.counts")
    folder = os.environ.get(FOLDER_VARIABLE)
    return setting, (Path(folder) / "failpoints.counts" if folder else None)


def _count(name: str, path: Path | None) -> int:
    """Number of this hit, counted from 1; on disk before anything happens, so that a killed process counts too."""
    if path is None:
        _counts_in_memory[name] = _counts_in_memory.get(name, 0) + 1
        return _counts_in_memory[name]
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        counts: dict[str, int] = json.loads(file.read() or "{}")
        counts[name] = counts.get(name, 0) + 1
        file.truncate(0)
        file.write(json.dumps(counts))
        file.flush()
        return counts[name]


def _act(action: Action, name: str) -> float:
    if action.kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if action.kind == "freeze":
        os.kill(os.getpid(), signal.SIGSTOP)
    if action.kind == "error":
        raise by_code(action.argument or UnavailableError.code)(f"injected at the fail point {name}")
    return float(action.argument or 0.0) if action.kind == "delay" else 0.0
