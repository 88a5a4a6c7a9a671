-- Gives a shard back: it is free at once, and the epoch stays for the next owner to compare.
UPDATE attune.executor_shard SET owner = ''
WHERE shard = $1 AND claim = $2 AND epoch = $3
RETURNING shard
