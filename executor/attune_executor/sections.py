"""What every section of a configuration has in common: how it treats its keys, and the types of its values."""

import re
from ipaddress import ip_address
from typing import Annotated, Final, TypeAlias
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, model_validator

_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)?(:[0-9]{1,5})?")


class Section(BaseModel):
    """A heading in the configuration file; its keys are all known, and a key that is not is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_under_its_heading(cls, data: object) -> object:
        """A heading with all its keys commented out is a section of defaults."""
        return {} if data is None else data


def _no_boolean(value: object) -> object:
    """Python takes yes for 1; whoever wrote it meant something else."""
    if isinstance(value, bool):
        raise ValueError("is yes or no: write a number")  # noqa: TRY004 - pydantic reports a ValueError under its key
    return value


def _capitalized(value: object) -> object:
    return value.capitalize() if isinstance(value, str) else value


Whole: TypeAlias = Annotated[int, BeforeValidator(_no_boolean)]
Number: TypeAlias = Annotated[float, BeforeValidator(_no_boolean)]
Word = BeforeValidator(_capitalized)
"""For an enumeration of words such as Open and Hold: however they are written."""


def has_address(url: SecretStr, schemes: frozenset[str]) -> bool:
    """Whether ``url`` is one of ``schemes``, with hosts and ports that can be ones; several hosts have commas between.

    A character such as / that stands for itself in a password fails here: it ends the address.
    """
    try:
        parts = urlsplit(url.get_secret_value())
    except ValueError:
        return False
    hosts = parts.netloc.rpartition("@")[2].split(",")
    return parts.scheme in schemes and all(_HOST.fullmatch(host) for host in hosts)


def is_loopback(host: str) -> bool:
    """Whether a name or address reaches this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
