-- Up to where the executions of each action are in their days.
SELECT action, last_order FROM attune.execution_counted
