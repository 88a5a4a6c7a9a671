module attune.example/testbed/probe

go 1.24
