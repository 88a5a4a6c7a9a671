"""A queue policy as the JSON in ``attune.action.policy``: names as in the dataclass.

A field that this release does not know is passed over: after a rollback the executor starts, and whoever declares the
policies declares them again.
"""

from dataclasses import asdict

import orjson
from pydantic import TypeAdapter, ValidationError

from attune_executor.domain.policy import QueuePolicy
from attune_executor.ports.journal import JournalError

_policy = TypeAdapter(QueuePolicy)


def encode(policy: QueuePolicy) -> str:
    """JSON text for the column."""
    return orjson.dumps(asdict(policy)).decode()


def decode(text: str, ref: str) -> QueuePolicy:
    """The policy of action ``ref`` from the column's text.

    Raises:
        JournalError: someone wrote what is not a policy; the message names the action and the remedy.
    """
    try:
        return _policy.validate_json(text, extra="ignore")
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise JournalError(
            f"attune.action.policy of {ref} is not a policy: {field} {first['msg']};"
            " set it to NULL and declare the policy again"
        ) from error
