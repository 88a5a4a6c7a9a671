"""The tables of the queues: what the executor writes and what the runbook's SQL reads."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    CREATE TABLE attune.action (
        id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        ref      text NOT NULL UNIQUE,
        enabled  boolean NOT NULL DEFAULT true,
        priority integer NOT NULL DEFAULT 5,
        tags     jsonb NOT NULL DEFAULT '[]',
        policy   jsonb,
        created  timestamptz NOT NULL DEFAULT now(),
        updated  timestamptz NOT NULL DEFAULT now()
    )
    """,
    "COMMENT ON COLUMN attune.action.enabled IS 'false closes admission: new executions are refused'",
    "COMMENT ON COLUMN attune.action.policy IS 'the declared limits; null once its policy was removed'",
    # No foreign key from execution to action. It is checked row by row: of a turn that accepts, dispatches and finishes
    # 1,000 executions each, it takes a quarter of the server's time (measured, 60 ms against 42 ms), and it locks the
    # action's row in every turn. Only the owner of the shard inserts, with ids that it read from attune.action, and
    # the trigger below keeps a row there as long as executions refer to it.
    #
    # A row is updated up to three times while its execution lives, then rests. Half of each page is left free, so that
    # these updates stay on their page and touch no index (HOT). That is why no index may contain `status`, `updated` or
    # any other changing column, not even in its predicate. `open` changes once, at the end, and also when an operator
    # ends an execution by SQL. An index on `status IN (...)` instead cost 45 % more server time per turn.
    """
    CREATE TABLE attune.execution (
        id              bigint PRIMARY KEY,
        action          bigint NOT NULL,
        action_ref      text NOT NULL,
        status          text NOT NULL CHECK (
            status IN ('requested', 'scheduled', 'running', 'succeeded', 'failed', 'cancelled', 'timeout')
        ),
        open            boolean NOT NULL GENERATED ALWAYS AS (status IN ('requested', 'scheduled', 'running')) STORED,
        parameters      jsonb NOT NULL,
        result          jsonb,
        queue_order     bigint NOT NULL,
        dispatch_order  bigint,
        publish_order   bigint,
        attempt         integer NOT NULL DEFAULT 0,
        worker          text,
        idempotency_key text,
        created         timestamptz NOT NULL DEFAULT now(),
        started_at      timestamptz,
        updated         timestamptz NOT NULL DEFAULT now(),
        UNIQUE (action, queue_order)
    ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)
    """,
    "COMMENT ON COLUMN attune.execution.queue_order IS 'place in the acceptance order of its action, from 1'",
    "COMMENT ON COLUMN attune.execution.dispatch_order IS 'when it was first dispatched, counted over all actions'",
    "COMMENT ON COLUMN attune.execution.publish_order IS 'when it was last dispatched, counted over all actions'",
    """
    CREATE UNIQUE INDEX execution_idempotency_key ON attune.execution (idempotency_key)
        WHERE idempotency_key IS NOT NULL
    """,
    # Recovery reads every open execution in queue order: it costs what is open, whatever the table's size.
    "CREATE INDEX execution_open ON attune.execution (action, queue_order) WHERE open",
    # The runbook asks for the last hour or month by `created`, which grows with the table: a few kilobytes serve that.
    "CREATE INDEX execution_created ON attune.execution USING brin (created) WITH (autosummarize = on)",
    """
    CREATE FUNCTION attune.keep_action_with_executions() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM attune.execution WHERE action = OLD.id) THEN
            RAISE foreign_key_violation USING
                MESSAGE = format('action %s has executions and cannot be deleted', OLD.ref),
                HINT = 'Set enabled to false instead.';
        END IF;
        RETURN OLD;
    END $$
    """,
    """
    CREATE TRIGGER keep_action_with_executions BEFORE DELETE ON attune.action
        FOR EACH ROW EXECUTE FUNCTION attune.keep_action_with_executions()
    """,
    "CREATE SEQUENCE attune.execution_id AS bigint",
    # Rewritten in place several times a second: mostly free pages keep the table at a page or two.
    """
    CREATE TABLE attune.queue_stats (
        action_id          bigint PRIMARY KEY REFERENCES attune.action ON DELETE CASCADE,
        queue_length       integer NOT NULL,
        active_count       integer NOT NULL,
        max_concurrent     integer NOT NULL,
        oldest_enqueued_at timestamptz,
        total_enqueued     bigint NOT NULL,
        total_completed    bigint NOT NULL,
        total_rejected     bigint NOT NULL DEFAULT 0,
        last_updated       timestamptz NOT NULL
    ) WITH (fillfactor = 20)
    """,
    # Column for column what the runbook's CREATE TABLE IF NOT EXISTS would make.
    """
    CREATE TABLE attune.queue_snapshots (
        snapshot_time  timestamptz DEFAULT now(),
        action_id      bigint,
        queue_length   integer,
        active_count   integer,
        total_enqueued bigint
    )
    """,
    "CREATE INDEX queue_snapshots_time ON attune.queue_snapshots (snapshot_time)",
    """
    CREATE TABLE attune.executor_shard (
        shard           integer PRIMARY KEY,
        owner           text NOT NULL,
        claim           uuid NOT NULL,
        epoch           bigint NOT NULL,
        publish_order   bigint NOT NULL DEFAULT 0,
        confirmed_order bigint NOT NULL DEFAULT 0,
        renewed_at      timestamptz NOT NULL DEFAULT now()
    ) WITH (fillfactor = 10)
    """,
    # The runbook writes ROUND(x::float / y * 100, 2); PostgreSQL rounds to digits only where the type is numeric.
    # Functions are looked up along search_path, by default "$user", public after pg_catalog: the role is called attune,
    # as the runbook's psql says, so this schema is on its path and the exact match of types wins.
    """
    CREATE FUNCTION attune.round(value double precision, digits integer) RETURNS numeric
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN pg_catalog.round(value::numeric, digits)
    """,
)


def upgrade() -> None:
    """Create everything in schema attune."""
    for statement in STATEMENTS:
        op.execute(statement)
