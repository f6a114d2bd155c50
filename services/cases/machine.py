"""The state table: which states cases, runs, steps and deliveries pass through, and how steps follow each other.

Data, not code: the SQL in `store` moves rows along these edges and no others, which the tests check over random
histories (`tests/services/cases/test_store_stateful.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas.case import CaseStatus, DeliveryStatus, StepName, StepStatus
from schemas.errors import StateConflictError

CASE_MOVES: Mapping[CaseStatus, frozenset[CaseStatus]] = {
    CaseStatus.QUEUED: frozenset({CaseStatus.RUNNING, CaseStatus.FAILED, CaseStatus.CANCELLED}),
    CaseStatus.RUNNING: frozenset({CaseStatus.REPORTED, CaseStatus.FAILED, CaseStatus.CANCELLED}),
    CaseStatus.REPORTED: frozenset({CaseStatus.QUEUED}),  # re-run
    CaseStatus.FAILED: frozenset({CaseStatus.QUEUED}),  # retry, re-run
    CaseStatus.CANCELLED: frozenset({CaseStatus.QUEUED}),  # re-run
}
"""A case follows its latest run, so both share this table; only a failed run starts again itself (retry)."""

STEP_MOVES: Mapping[StepStatus, frozenset[StepStatus]] = {
    StepStatus.WAITING: frozenset({StepStatus.READY, StepStatus.CANCELLED}),
    StepStatus.READY: frozenset({StepStatus.RUNNING, StepStatus.FAILED, StepStatus.CANCELLED}),
    StepStatus.RUNNING: frozenset({StepStatus.READY, StepStatus.DONE, StepStatus.FAILED, StepStatus.CANCELLED}),
    StepStatus.DONE: frozenset(),
    StepStatus.FAILED: frozenset({StepStatus.WAITING}),  # retry
    StepStatus.CANCELLED: frozenset({StepStatus.WAITING}),  # retry of the run it was cancelled with
}

DELIVERY_MOVES: Mapping[DeliveryStatus, frozenset[DeliveryStatus]] = {
    DeliveryStatus.PENDING: frozenset({DeliveryStatus.SENDING, DeliveryStatus.PARKED}),
    DeliveryStatus.SENDING: frozenset(
        {DeliveryStatus.PENDING, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED, DeliveryStatus.PARKED}
    ),
    DeliveryStatus.DELIVERED: frozenset(),
    DeliveryStatus.FAILED: frozenset(),
    DeliveryStatus.PARKED: frozenset({DeliveryStatus.PENDING}),
}

ACTIVE = (CaseStatus.QUEUED, CaseStatus.RUNNING)
"""Cases and runs that are still being worked on."""
OPEN = (StepStatus.WAITING, StepStatus.READY, StepStatus.RUNNING)
"""Steps that have not ended."""

NEEDS: Mapping[StepName, StepName | None] = {
    StepName.INTAKE: None,
    StepName.SEGMENTATION: StepName.INTAKE,
    StepName.SEMIOLOGY: StepName.SEGMENTATION,
    StepName.LOCALIZATION: StepName.SEMIOLOGY,
    StepName.REPORT: StepName.LOCALIZATION,
}
"""The step that must be done first: of the same recording, or of every recording for a step over the whole case."""

PER_CASE = frozenset({StepName.LOCALIZATION, StepName.REPORT})
"""Steps over the whole case; the others work on one recording each."""

NEXT: Mapping[StepName, StepName | None] = {
    name: next((later for later, needed in NEEDS.items() if needed is name), None) for name in StepName
}


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of a new run."""

    name: StepName
    recording_id: str
    status: StepStatus


def plan(recording_ids: Iterable[str]) -> tuple[PlannedStep, ...]:
    """The steps of a run over these recordings; those that need nothing are ready at once."""
    per_recording = [
        PlannedStep(name, recording_id, StepStatus.READY if NEEDS[name] is None else StepStatus.WAITING)
        for recording_id in recording_ids
        for name in StepName
        if name not in PER_CASE
    ]
    return (*per_recording, *(PlannedStep(name, "", StepStatus.WAITING) for name in StepName if name in PER_CASE))


def require_ended(status: CaseStatus, action: str) -> None:
    """Raise StateConflictError while a case is being worked on."""
    if status in ACTIVE:
        raise StateConflictError(f"the case is {status}; {action} is possible only once it has ended")


def require_active(status: CaseStatus, action: str) -> None:
    """Raise StateConflictError for a case that has ended."""
    if status not in ACTIVE:
        raise StateConflictError(f"the case is {status}; {action} is possible only while it is queued or running")


def require_failed(status: CaseStatus, action: str) -> None:
    """Raise StateConflictError unless the case failed."""
    if status is not CaseStatus.FAILED:
        raise StateConflictError(f"the case is {status}; {action} is possible only after it failed")
