-- What a new owner fills its lines from; read through the partial index execution_open, which is entered once for each
-- action of the shard: no row of another shard is touched, nothing is sorted. There may be millions, so only what the
-- lines keep is read, and date_part is a third of the cost of extract.
SELECT action, group_key, id, queue_order, date_part('epoch', created) AS created
FROM attune.execution
WHERE open AND action = ANY (ARRAY(SELECT id FROM attune.action WHERE shard = $1)) AND publish_order IS NULL
ORDER BY action, queue_order
