"""Alembic's environment: a runner for hand-written SQL, nothing is derived from models.

The connection is handed in by `services.cases.migrate`; the version table lives in our own schema.
"""

from __future__ import annotations

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=None, version_table_schema="cases", transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
