"""What goes wrong with clusters, in words for the person at the terminal."""


class ClusterError(RuntimeError):
    """A cluster could not be brought up, reached or taken down; the message says what to do about it."""


class KubectlError(ClusterError):
    """kubectl ended with an error; the message is what it said."""
