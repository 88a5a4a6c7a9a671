"""A real Kubernetes node as plain processes of this machine, for where kind cannot run.

kind needs Docker with privileged containers and a registry to pull its node image from. This needs root on Debian and a
Go module proxy: Kubernetes, containerd and CoreDNS are built once from their modules into the user's cache; etcd, runc,
the CNI plugins and iptables are Debian's.
"""
