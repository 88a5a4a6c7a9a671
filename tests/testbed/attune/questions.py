"""Questions to the database about guarantees, each answered with one number."""

OUT_OF_ORDER = """
    SELECT count(*) FROM (
        SELECT status, dispatch_order, max(dispatch_order) OVER (PARTITION BY action ORDER BY queue_order) AS latest
        FROM attune.execution
    ) AS course
    WHERE dispatch_order < latest OR dispatch_order IS NULL AND status NOT IN ('cancelled', 'timeout')
"""
"""Executions that began after one behind them in their queue, or not at all though nobody gave them up."""

MOST_AT_ONCE = """
    WITH edges AS (
        SELECT action, started_at AS at, 1 AS change FROM attune.execution
        UNION ALL
        SELECT action, updated, -1 FROM attune.execution
    )
    SELECT max(running) FROM (
        SELECT sum(change) OVER (PARTITION BY action ORDER BY at, change) AS running FROM edges
    ) AS course
"""
"""The most executions of one action that ran at a time, or more: the turn that learns of an end notes it a little late,
and commits before the slot is filled again."""
