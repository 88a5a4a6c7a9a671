"""Run by Alembic for every command; the connection comes from ``attune_executor.adapters.postgres.migration``."""

from alembic import context

# Whole and in one transaction: a migration that fails leaves nothing behind, not even its version.
context.configure(
    connection=context.config.attributes["connection"],
    version_table_schema="attune",
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
