SELECT id FROM attune.action WHERE ref = $1
