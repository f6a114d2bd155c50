"""The database's schema: Alembic runs the hand-written SQL in `sql`."""
