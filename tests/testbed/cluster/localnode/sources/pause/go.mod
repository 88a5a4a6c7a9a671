module attune.example/testbed/pause

go 1.24
