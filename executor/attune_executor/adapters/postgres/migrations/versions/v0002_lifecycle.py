"""Groups, retries, cancels and rate limits, and what an operator changes by SQL."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """
    ALTER TABLE attune.execution
        ADD COLUMN group_key  text,
        ADD COLUMN failures   integer NOT NULL DEFAULT 0,
        ADD COLUMN retry_at   timestamptz,
        ADD COLUMN cancelling boolean NOT NULL DEFAULT false
    """,
    "COMMENT ON COLUMN attune.execution.group_key IS 'values of the parameters that group_by names; null without'",
    "COMMENT ON COLUMN attune.execution.failures IS 'runs that did not succeed'",
    "COMMENT ON COLUMN attune.execution.retry_at IS 'when it is dispatched again; null otherwise'",
    "COMMENT ON COLUMN attune.execution.cancelling IS 'to be stopped by the worker that has it'",
    "ALTER TABLE attune.action ADD COLUMN rate_marks jsonb",
    "COMMENT ON COLUMN attune.action.rate_marks IS 'dispatches in the window of its rate limit: [first, last, count]'",
    # An operator who ends executions or disables actions by SQL is heard within a second or so. The conditions of the
    # triggers keep the owner's own updates out before anything is called: they cost it a comparison.
    """
    CREATE TABLE attune.operator_change (
        id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        action      bigint NOT NULL,
        execution   bigint,
        group_key   text,
        queue_order bigint
    )
    """,
    "COMMENT ON TABLE attune.operator_change IS 'changes by SQL that the executor has not heard of; it empties this'",
    """
    CREATE FUNCTION attune.note_ended_execution() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO attune.operator_change (action, execution, group_key, queue_order)
        VALUES (OLD.action, OLD.id, OLD.group_key, OLD.queue_order);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER note_ended_execution AFTER UPDATE ON attune.execution FOR EACH ROW
        WHEN (OLD.open AND NOT NEW.open AND current_setting('attune.owner', true) IS DISTINCT FROM 'on')
        EXECUTE FUNCTION attune.note_ended_execution()
    """,
    """
    CREATE TRIGGER note_deleted_execution AFTER DELETE ON attune.execution FOR EACH ROW
        WHEN (OLD.open)
        EXECUTE FUNCTION attune.note_ended_execution()
    """,
    """
    CREATE FUNCTION attune.note_enabled_action() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO attune.operator_change (action) VALUES (OLD.id);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER note_enabled_action AFTER UPDATE OF enabled ON attune.action FOR EACH ROW
        WHEN (OLD.enabled IS DISTINCT FROM NEW.enabled)
        EXECUTE FUNCTION attune.note_enabled_action()
    """,
)


def upgrade() -> None:
    """Add to what version 1 made."""
    for statement in STATEMENTS:
        op.execute(statement)
