"""Brings the database to this version's schema. Alembic runs hand-written SQL and remembers what it ran."""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine, pool

from schemas.errors import UnavailableError
from services.cases.settings import CasesSettings

_LOCK = 7410021
"""Key of the advisory lock that lets one process migrate at a time."""


def migrate(dsn: str | None = None) -> None:
    """Run every migration that the database does not have yet; safe to call from several processes at once.

    Raises UnavailableError when the database cannot be reached.
    """
    from alembic import command
    from alembic.config import Config

    import migrations

    dsn = dsn or CasesSettings.load().database
    configuration = Config()
    configuration.set_main_option("script_location", str(Path(migrations.__file__).parent))
    engine = create_engine("postgresql+psycopg://", creator=lambda: _connect(dsn), poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")
        connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS cases")
        connection.commit()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")
        connection.commit()
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK})")
        connection.commit()
    engine.dispose()


def _connect(dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    try:
        return psycopg.connect(dsn)
    except psycopg.OperationalError:
        where = conninfo_to_dict(dsn)
        raise UnavailableError(
            f"the database at {where.get('host', '')}:{where.get('port', '')} cannot be reached"
        ) from None
