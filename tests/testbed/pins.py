"""Every version of a program that the testbed builds or downloads, in one place.

Python packages are pinned in uv.lock and Go modules in the go.mod and go.sum beside each Go program; a test holds those
against this file.
"""

GO = "1.26"
"""The oldest Go that builds the programs below."""

KUBERNETES = "v1.37.2"
KUBERNETES_STAGING = "v0.37.2"
"""The version of Kubernetes' library modules that belongs to KUBERNETES."""

CONTAINERD = "v2.4.2"
COREDNS = "v1.15.0"
HELM = "v3.22.0"

KIND = "v0.33.0"
KIND_NODE_IMAGE = "kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5"
"""The node image that KIND was released with; its notes name no other for this minor version of Kubernetes."""

PAUSE_IMAGE = "attune.example/pause:1"
"""The sandbox image of the local node, made from sources/pause; no registry has it."""

PYTHON_IMAGE = "python:3.13-slim-trixie"
DEBIAN_IMAGE = "debian:trixie-slim"
"""What the Dockerfiles build on; a test holds their FROM lines against these."""

DEBIAN_SUITE = "trixie"
"""The Debian release in both, from whose packages they are made where no registry answers."""
