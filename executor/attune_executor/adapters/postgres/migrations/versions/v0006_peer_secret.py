"""What executors that share the shards know each other by."""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    # Two random UUIDs: 244 bits. For the row that is there now, and for one that comes later.
    """
    ALTER TABLE attune.sharding ADD COLUMN peer_secret text NOT NULL
        DEFAULT replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')
    """,
    "COMMENT ON COLUMN attune.sharding.peer_secret IS 'whoever knows it is one of the executors of this database'",
)


def upgrade() -> None:
    """Make a secret that every executor of this database can read, and nobody else."""
    for statement in STATEMENTS:
        op.execute(statement)
