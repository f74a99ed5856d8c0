"""What Alembic runs: the steps, on the connection that it is given."""

from __future__ import annotations

from alembic import context

from defib_coverage.database.tables import TABLES

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=TABLES,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
