"""Garbage collection of objects, the archive of the sent outbox by month, and what people enter is kept."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """Add to what is there; no row is lost."""
    connection = op.get_bind().connection.driver_connection
    connection.execute("SET LOCAL search_path = cases")
    for name in ("0002_tables.sql", "0002_functions.sql"):
        connection.execute((_SQL / name).read_text(encoding="utf-8"))
    connection.execute("SELECT ensure_partitions(3)")


def downgrade() -> None:
    """Refuse: tombstones, the archive and the rule for closed reads would be lost."""
    raise NotImplementedError("going back would lose the archive of deliveries; restore a backup instead")
