"""Which mounts are below the node's folder, and in which order they go."""

from pathlib import Path

from testbed.cluster.localnode import leftovers

MOUNTINFO = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
90 27 0:40 / /cache/node/run/rootfs rw - overlay overlay rw
91 90 0:41 / /cache/node/run/rootfs/dev/shm rw - tmpfs tmpfs rw
92 27 0:42 / /cache/node/kubelet/pods/a\\040b/volume rw - tmpfs tmpfs rw
93 27 0:43 / /cache/node-of-others/run rw - tmpfs tmpfs rw
"""


def test_only_mounts_below_the_folder_and_the_innermost_first() -> None:
    assert leftovers.mounts_below(Path("/cache/node"), MOUNTINFO) == [
        "/cache/node/run/rootfs/dev/shm",
        "/cache/node/kubelet/pods/a b/volume",
        "/cache/node/run/rootfs",
    ]


def test_the_folder_itself_counts() -> None:
    assert leftovers.mounts_below(Path("/cache/node-of-others/run"), MOUNTINFO) == ["/cache/node-of-others/run"]
