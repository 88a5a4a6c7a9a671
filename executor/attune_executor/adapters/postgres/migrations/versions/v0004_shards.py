"""Several shards, and executors that share them."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    "ALTER TABLE attune.action ADD COLUMN shard integer NOT NULL DEFAULT 0",
    "COMMENT ON COLUMN attune.action.shard IS 'whose owner keeps its queue; derived from ref'",
    # One row at most: the number of shards, decided by whoever comes first.
    """
    CREATE TABLE attune.sharding (
        single boolean PRIMARY KEY DEFAULT true CHECK (single),
        count  integer NOT NULL CHECK (count > 0)
    )
    """,
    # A database that was used before has its executions in one.
    "INSERT INTO attune.sharding (count) SELECT 1 FROM attune.executor_shard LIMIT 1",
    """
    CREATE TABLE attune.executor (
        name       text PRIMARY KEY,
        url        text NOT NULL,
        renewed_at timestamptz NOT NULL DEFAULT now()
    ) WITH (fillfactor = 20)
    """,
    "COMMENT ON TABLE attune.executor IS 'share the shards; alive while renewed_at is a few seconds old'",
    "COMMENT ON COLUMN attune.executor_shard.owner IS 'who took it last; empty once it was given back'",
)


def upgrade() -> None:
    """Add what several executors need."""
    for statement in STATEMENTS:
        op.execute(statement)
