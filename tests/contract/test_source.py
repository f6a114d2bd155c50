"""Rules about our own source that no linter knows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.runtime import failpoints

ROOT = Path(__file__).resolve().parents[2]
OURS = sorted(path for folder in ("services", "gateway", "schemas") for path in (ROOT / folder).rglob("*.py"))


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Dotted name and node of every call in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield f"{ast.unparse(node.func.value)}.{node.func.attr}", node


def points_hit() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in OURS:
        for name, node in calls(path):
            if name in ("failpoints.hit", "failpoints.hit_aio"):
                argument = node.args[0]
                assert isinstance(argument, ast.Constant), f"{path}:{node.lineno}: a fail point's name must be constant"
                found[argument.value] = path
    return found


def test_every_fail_point_in_the_code_is_registered() -> None:
    assert set(points_hit()) - set(failpoints.POINTS) == set()


def test_every_registered_fail_point_is_in_the_code() -> None:
    assert set(failpoints.POINTS) - set(points_hit()) == set()


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_log_events_are_constant(path: Path) -> None:
    levels = ("debug", "info", "warning", "error", "exception", "critical")
    for name, node in calls(path):
        if name in {f"log.{level}" for level in levels}:
            event = node.args[0]
            choices = (event.body, event.orelse) if isinstance(event, ast.IfExp) else (event,)
            constant = all(isinstance(choice, ast.Constant) for choice in choices)
            assert constant, f"{path}:{node.lineno}: what varies belongs into a field"
