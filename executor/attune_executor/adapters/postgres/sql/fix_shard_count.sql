-- The number of shards, which is $1 where nobody has decided it before. Whoever comes second waits for the first here.
INSERT INTO attune.sharding AS sharding (count) VALUES ($1)
ON CONFLICT (single) DO UPDATE SET count = sharding.count
RETURNING count
