"""Every control names a test, and every test that cites a control cites one that exists."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
HAZARDS = tomllib.loads((ROOT / "docs/safety/hazards.toml").read_text(encoding="utf-8"))["hazard"]


def cited() -> dict[str, list[str]]:
    """Control ids that tests cite, with the tests."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.req":
                    for argument in mark.args:
                        assert isinstance(argument, ast.Constant)
                        found.setdefault(str(argument.value), []).append(f"{path.relative_to(ROOT)}::{node.name}")
    return found


def test_every_control_is_proved_by_a_test() -> None:
    controls = {control["id"] for hazard in HAZARDS for control in hazard["control"]}
    assert controls - set(cited()) == set()


def test_every_cited_control_exists() -> None:
    controls = {control["id"] for hazard in HAZARDS for control in hazard["control"]}
    assert {name: tests for name, tests in cited().items() if name not in controls} == {}


def test_every_hazard_says_what_may_happen_and_how_bad_it_is() -> None:
    for hazard in HAZARDS:
        assert hazard["severity"] in ("minor", "serious", "critical"), hazard["id"]
        assert hazard["harm"].endswith(".")
        assert hazard["control"], f"{hazard['id']} has no control"
