"""The runbook's SQL: copies, letter by letter, in ``runbook_sql``; what has angle brackets there is filled in here."""

from pathlib import Path
from typing import Final

STATEMENTS: Final = Path(__file__).with_name("runbook_sql")
NAMES: Final = sorted(path.stem for path in STATEMENTS.glob("*.sql"))


def runbook(name: str, **placeholders: str) -> str:
    """The text of a statement.

    Raises:
        ValueError: a placeholder is left.
    """
    text = (STATEMENTS / f"{name}.sql").read_text(encoding="utf-8")
    for placeholder, value in placeholders.items():
        text = text.replace(f"<{placeholder}>", value)
    if "<" in text.replace("< ", ""):
        raise ValueError(f"a placeholder is left in {name}: {text}")
    return text
