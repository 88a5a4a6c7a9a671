"""Totals that outlive the rows they are counted from, and the record of maintenance."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    # An action's totals come from its newest execution and its statistics. Both may be deleted, by maintenance or by
    # the runbook's own SQL, and the totals must not start over: whoever deletes, triggers leave them here.
    """
    ALTER TABLE attune.action
        ADD COLUMN last_order     bigint NOT NULL DEFAULT 0,
        ADD COLUMN total_rejected bigint NOT NULL DEFAULT 0
    """,
    "COMMENT ON COLUMN attune.action.last_order IS 'no deleted execution of this action has a higher queue_order'",
    "COMMENT ON COLUMN attune.action.total_rejected IS 'no deleted statistics of this action have a higher total'",
    """
    UPDATE attune.action SET last_order = total_enqueued, total_rejected = stats.total_rejected
    FROM attune.queue_stats AS stats WHERE action_id = id
    """,
    # Only where an action loses its newest execution, which is rare: a subquery for each action, by index, because as a
    # join this would be planned once and then kept, whatever becomes of the tables.
    """
    CREATE FUNCTION attune.keep_last_order() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE attune.action SET last_order = deleted.highest
        FROM (SELECT action, max(queue_order) AS highest FROM gone GROUP BY action) AS deleted
        WHERE id = deleted.action AND last_order < deleted.highest AND deleted.highest > COALESCE(
            (SELECT max(queue_order) FROM attune.execution WHERE execution.action = deleted.action), 0
        );
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER keep_last_order AFTER DELETE ON attune.execution REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION attune.keep_last_order()
    """,
    """
    CREATE FUNCTION attune.keep_total_rejected() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE attune.action SET total_rejected = gone.total_rejected
        FROM gone WHERE id = gone.action_id AND action.total_rejected < gone.total_rejected;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER keep_total_rejected AFTER DELETE ON attune.queue_stats REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION attune.keep_total_rejected()
    """,
    """
    CREATE TABLE attune.maintenance_run (
        task       text PRIMARY KEY,
        started_at timestamptz NOT NULL,
        seconds    double precision NOT NULL,
        rows       bigint NOT NULL
    ) WITH (fillfactor = 50)
    """,
    "COMMENT ON TABLE attune.maintenance_run IS 'the last completed run of each task: when, how long, rows touched'",
)


def upgrade() -> None:
    """Add what maintenance needs."""
    for statement in STATEMENTS:
        op.execute(statement)
