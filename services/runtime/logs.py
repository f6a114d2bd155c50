"""Structured logs: one JSON line per event on stderr, with the trace id and without patient data.

``log = logs.get(__name__); log.info("step claimed", step_id=step_id)``: the event is a constant text, and what varies
goes into fields. Only the fields in `FIELDS` are written; others are replaced by ``[not logged]``. Of exceptions the
type, the place and the code of an `IctogramError` are written, never their text (only that of an `IctogramError`, which
is safe by definition). Lines of libraries are reduced to their unformatted template, for the same reason.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog
from opentelemetry import trace
from structlog.types import ExcInfo, Processor

from schemas.errors import IctogramError
from services.runtime.settings import RuntimeSettings

# fmt: off
FIELDS = frozenset({
    "event", "level", "timestamp", "service", "logger", "trace_id", "span_id", "site_id", "case_id", "run_id",
    "step_id", "step", "part", "recording_id", "request_id", "delivery_id", "destination_id", "report_id",
    "version", "upload_id", "actor", "caller", "method", "status", "code", "retryable", "error",
    "error_at", "message", "attempt", "attempts", "max_attempts", "reason", "state", "count", "hits", "duration_s",
    "elapsed_s", "waited_s", "timeout_s", "remaining_s", "fraction", "stage", "priority", "queue", "reused", "due",
    "rung", "rows", "pid", "exit_code", "signal", "slots", "slots_in_use", "address", "target", "port", "setting",
    "variable", "rss_bytes", "limit", "size_bytes", "media_type", "uri", "digest", "expected_digest", "engine",
    "path_template", "http_method", "http_status", "migrations", "model", "signs", "windows", "questions", "retries",
    "uncached_tokens", "generated_tokens",
})
# fmt: on
"""Fields that may be logged: none of them ever holds patient data."""

HIDDEN = "[not logged]"
_LONGEST = 300
_VERBATIM_LOGGERS = ("uvicorn.error", "alembic")
"""Libraries whose own messages hold nothing of ours and are worth reading."""


def get(name: str) -> Any:
    """A logger; the name is that of the module."""
    return structlog.stdlib.get_logger(name)


def setup(service: str, settings: RuntimeSettings | None = None) -> None:
    """Log to stderr from now on, structlog and standard logging alike."""
    settings = settings or RuntimeSettings.load()
    readable = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    shared = _shared_processors(service)
    _configure(shared)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_template_only, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(readable=readable)],
            pass_foreign_args=True,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    level = settings.log_level.upper()
    for ours in ("services", "gateway", "schemas", "research", "migrations", *_VERBATIM_LOGGERS):
        logging.getLogger(ours).setLevel(level)


def _configure(shared: list[Processor]) -> None:
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _shared_processors(service: str) -> list[Processor]:
    def add_service(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
        _add_trace,
        _describe_exception,
        _allowed_only,
    ]


def _renderer(*, readable: bool) -> Processor:
    if readable:
        return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    return structlog.processors.JSONRenderer(sort_keys=False)


def _add_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def _describe_exception(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    exc_info: ExcInfo | BaseException | bool | None = event.pop("exc_info", None)
    error: BaseException | None
    if isinstance(exc_info, BaseException):
        error = exc_info
    elif isinstance(exc_info, tuple):
        error = exc_info[1]
    else:
        error = sys.exc_info()[1] if exc_info else None
    if error is not None:
        event.update(describe(error))
    return event


def describe(error: BaseException) -> dict[str, Any]:
    """The loggable part of an exception: type and place; code and message if it is one of ours."""
    fields: dict[str, Any] = {"error": type(error).__name__}
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        fields["error_at"] = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-6:]))
    if isinstance(error, IctogramError):
        fields |= {"code": error.code, "retryable": error.retryable, "message": error.message}
    return fields


def _allowed_only(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if key.startswith("_"):
            continue  # structlog's own
        if key not in FIELDS:
            event[key] = HIDDEN
        elif isinstance(value, str):
            event[key] = value[:_LONGEST]
        elif not isinstance(value, int | float | bool | None):
            event[key] = str(value)[:_LONGEST]
    return event


def _template_only(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace a library's message by its template: what is filled into it might be patient data."""
    record: logging.LogRecord = event["_record"]
    arguments = event.pop("positional_args", ())
    if not record.name.startswith(_VERBATIM_LOGGERS):
        template = str(record.msg).splitlines()[0] if str(record.msg) else ""
        # A message without arguments was put together beforehand: only its first words are surely the library's.
        event["event"] = template if arguments else template.split(":")[0].split("'")[0].split('"')[0]
    event["error_at"] = f"{record.module}:{record.lineno}"
    return event


_configure(_shared_processors(""))  # until `setup` is called only warnings are written: tools are quiet unless asked
