"""How many executions there were each day, beyond what is kept of the executions themselves."""

from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS = (
    """
    CREATE TABLE attune.execution_day (
        day               date,
        action            bigint,
        executions        bigint NOT NULL,
        succeeded         bigint NOT NULL,
        failed            bigint NOT NULL,
        other             bigint NOT NULL,
        unfinished        bigint NOT NULL,
        succeeded_seconds double precision NOT NULL,
        ran               bigint NOT NULL,
        run_seconds       double precision NOT NULL,
        PRIMARY KEY (day, action)
    )
    """,
    "COMMENT ON TABLE attune.execution_day IS 'executions by the UTC day of their acceptance, each counted once'",
    "COMMENT ON COLUMN attune.execution_day.other IS 'cancelled or timed out'",
    "COMMENT ON COLUMN attune.execution_day.unfinished IS 'had not ended when they were counted'",
    "COMMENT ON COLUMN attune.execution_day.succeeded_seconds IS 'from acceptance to end, of all that succeeded'",
    "COMMENT ON COLUMN attune.execution_day.run_seconds IS 'from start to end, of the ran ones that had run'",
    # Beside attune.action, whose row a turn may have to change.
    """
    CREATE TABLE attune.execution_counted (
        action     bigint PRIMARY KEY,
        last_order bigint NOT NULL
    ) WITH (fillfactor = 50)
    """,
    "COMMENT ON COLUMN attune.execution_counted.last_order IS 'up to this queue_order executions are in their days'",
    # What was deleted before there were days is in none.
    """
    INSERT INTO attune.execution_counted
    SELECT id, COALESCE(
        (SELECT min(queue_order) - 1 FROM attune.execution WHERE execution.action = action.id),
        GREATEST(last_order, (SELECT total_enqueued FROM attune.queue_stats WHERE action_id = id))
    )
    FROM attune.action
    """,
)


def upgrade() -> None:
    """Make the days, to be filled by maintenance."""
    for statement in STATEMENTS:
        op.execute(statement)
