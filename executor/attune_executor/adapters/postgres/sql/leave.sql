DELETE FROM attune.executor WHERE name = $1
