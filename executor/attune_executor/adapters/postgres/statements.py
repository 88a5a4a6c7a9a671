"""The named SQL statements of the ``sql`` folder: one statement a file, its story in the comment on top."""

from functools import cache
from importlib.resources import files
from typing import Final

_PACKAGE: Final = files("attune_executor.adapters.postgres")


@cache
def statement(name: str) -> str:
    """The text of ``sql/<name>.sql``."""
    return (_PACKAGE / "sql" / f"{name}.sql").read_text(encoding="utf-8")
