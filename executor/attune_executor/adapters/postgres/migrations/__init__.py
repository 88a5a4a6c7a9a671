"""The history of schema ``attune``; Alembic runs it, ``attune_executor.adapters.postgres.migration`` drives it."""
