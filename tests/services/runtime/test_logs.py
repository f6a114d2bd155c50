from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from schemas.errors import UnreadableMediaError
from services.runtime import logs
from services.runtime.settings import RuntimeSettings

CANARY = "Zebulon-Quarkwell"
Lines = Callable[[], list[dict[str, Any]]]


def fail(error: Exception) -> None:
    raise error


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """Set logging up as a process does; gives the lines so far, and fails on any canary."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    logs.setup("intake", RuntimeSettings(log_level="info", log_format="json"))
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    logs._configure(logs._shared_processors(""))
    assert CANARY not in stream.getvalue()


def test_one_json_line_per_event(written: Lines) -> None:
    logs.get("services.x").info("step claimed", step_id="s1", attempt=2)
    logs.get("services.x").debug("too fine")
    (line,) = written()
    assert (line["event"], line["step_id"], line["attempt"]) == ("step claimed", "s1", 2)
    assert (line["service"], line["level"], line["logger"]) == ("intake", "info", "services.x")
    assert line["timestamp"].endswith("Z")


def test_fields_that_are_not_listed_are_not_written(written: Lines) -> None:
    logs.get("services.x").info("seen", patient=CANARY, file_name=CANARY)
    assert written()[0]["patient"] == logs.HIDDEN


def test_bound_fields_are_written_and_checked_too(written: Lines) -> None:
    with structlog.contextvars.bound_contextvars(case_id="c1", patient=CANARY):
        logs.get("services.x").info("seen")
    assert written()[0]["case_id"] == "c1"


def test_exceptions_are_described_without_their_text(written: Lines) -> None:
    try:
        fail(ValueError(CANARY))
    except ValueError:
        logs.get("services.x").exception("failed")
    (line,) = written()
    assert line["error"] == "ValueError"
    assert line["error_at"].startswith("fail:")


def test_errors_of_ours_keep_code_and_message(written: Lines) -> None:
    try:
        fail(UnreadableMediaError("no frame could be read"))
    except UnreadableMediaError as error:
        logs.get("services.x").warning("refused", exc_info=error)
    (line,) = written()
    assert (line["code"], line["message"]) == ("unreadable-media", "no frame could be read")


@pytest.mark.parametrize(
    ("message", "arguments", "expected"),
    [
        ("Task %s failed: %s", (CANARY, CANARY), "Task %s failed: %s"),
        (f"cannot parse: {CANARY}", (), "cannot parse"),
        (f"Task exception was never retrieved\nfuture: {CANARY}", (), "Task exception was never retrieved"),
        (f"no such file '{CANARY}'", (), "no such file "),
    ],
)
def test_lines_of_libraries_are_reduced_to_their_template(
    written: Lines, message: str, arguments: tuple[str, ...], expected: str
) -> None:
    logging.getLogger("some.library").error(message, *arguments)
    (line,) = written()
    assert line["event"] == expected
    assert line["error_at"].startswith("test_logs:")


def test_exceptions_logged_by_libraries_lose_their_text(written: Lines) -> None:
    try:
        fail(ValueError(CANARY))
    except ValueError:
        logging.getLogger("some.library").exception("request failed")
    (line,) = written()
    assert line["error"] == "ValueError"


def test_chatty_libraries_are_quiet(written: Lines) -> None:
    logging.getLogger("some.library").info("hello")
    assert written() == []


def test_long_and_odd_values_are_cut_and_written_as_text(written: Lines) -> None:
    logs.get("services.x").info("seen", reason="x" * 5000, state=("a", 1))
    (line,) = written()
    assert len(line["reason"]) == 300
    assert line["state"] == "('a', 1)"


def test_a_terminal_gets_readable_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers = list(logging.getLogger().handlers)
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    logs.setup("intake", RuntimeSettings(log_format="console"))
    logs.get("services.x").info("step claimed", step_id="s1")
    logging.getLogger().handlers[:] = handlers
    logs._configure(logs._shared_processors(""))
    assert "step claimed" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
