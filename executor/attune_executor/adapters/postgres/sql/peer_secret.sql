SELECT peer_secret FROM attune.sharding
