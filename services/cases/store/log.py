"""What happened to steps, runs and deliveries, one row per event."""

from __future__ import annotations

from services.cases.store.database import Connection


def event(
    connection: Connection,
    *,
    site_id: str,
    case_id: str,
    event: str,
    run_id: str | None = None,
    step_id: str | None = None,
    attempt: int = 0,
    error_code: str = "",
) -> None:
    """Append one event; part of the transaction that makes it happen."""
    connection.execute(
        "INSERT INTO progress_log (site_id, case_id, run_id, step_id, event, attempt, error_code)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (site_id, case_id, run_id, step_id, event, attempt, error_code),
    )
