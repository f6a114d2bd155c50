"""The first schema: cases, runs, steps, results, reports, deliveries, audit; row-level security by site."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """Make everything."""
    # The driver's own connection, in the same transaction: a percent sign in the SQL is no placeholder there.
    connection = op.get_bind().connection.driver_connection
    connection.execute("SET LOCAL search_path = cases")
    for name in ("0001_tables.sql", "0001_functions.sql", "0001_security.sql"):
        connection.execute((_SQL / name).read_text(encoding="utf-8"))
    connection.execute("SELECT ensure_partitions(3)")


def downgrade() -> None:
    """Refuse: dropping the first schema would drop every case."""
    raise NotImplementedError("there is nothing before the first schema; restore a backup instead")
