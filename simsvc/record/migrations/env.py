"""Alembic's entry point. The caller hands in a connection."""

from alembic import context

from simsvc.record.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
