from __future__ import annotations

import re
from pathlib import Path

import pytest

import migrations
from schemas.case import CaseStatus, DeliveryStatus, Priority, StepName, StepStatus
from schemas.errors import StateConflictError
from services.cases import machine

SQL = (Path(migrations.__file__).parent / "sql" / "0001_tables.sql").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("moves", "states"),
    [
        (machine.CASE_MOVES, CaseStatus),
        (machine.STEP_MOVES, StepStatus),
        (machine.DELIVERY_MOVES, DeliveryStatus),
    ],
)
def test_the_table_knows_every_state(moves: dict[str, frozenset[str]], states: type) -> None:
    assert set(moves) == set(states)
    assert all(targets <= set(states) for targets in moves.values())


@pytest.mark.parametrize(
    ("table", "column", "values"),
    [
        ('"case"', "status", CaseStatus),
        ('"case"', "priority", Priority),
        ("run", "status", CaseStatus),
        ("step", "status", StepStatus),
        ("step", "name", StepName),
        ("delivery", "status", DeliveryStatus),
    ],
)
def test_the_schema_allows_the_same_states(table: str, column: str, values: type) -> None:
    body = SQL.split(f"CREATE TABLE {table} (")[1].split("\n)")[0]
    found = re.search(rf"CHECK \({column} IN \(([^)]*)\)\)", body)
    assert found is not None
    assert set(re.findall(r"'(\w+)'", found[1])) == {value.value for value in values}  # type: ignore[attr-defined]


def test_a_plan_starts_with_intake_of_every_recording() -> None:
    planned = machine.plan(["r1", "r2"])
    ready = [(step.name, step.recording_id) for step in planned if step.status is StepStatus.READY]
    assert ready == [(StepName.INTAKE, "r1"), (StepName.INTAKE, "r2")]
    assert [step.name for step in planned if not step.recording_id] == [StepName.LOCALIZATION, StepName.REPORT]


def test_refusals_say_the_state_and_the_rule() -> None:
    with pytest.raises(StateConflictError, match="the case is reported; cancelling is possible only while"):
        machine.require_active(CaseStatus.REPORTED, "cancelling")
    with pytest.raises(StateConflictError, match="the case is running; a new run is possible only once it has ended"):
        machine.require_ended(CaseStatus.RUNNING, "a new run")
    machine.require_failed(CaseStatus.FAILED, "trying again")
