"""What can be wrong with a request or a policy, in the words a caller is answered with."""


class DomainError(Exception):
    """Base of every rule that a caller broke."""


class PolicyError(DomainError, ValueError):
    """A policy's field is out of range; the message names the field and the remedy."""
