"""Gives the browser its key in a file that only the user can read: arguments of processes are seen by everybody."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from html import escape
from pathlib import Path

from attune_operator.ctl.dashboard.guard import SESSION

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Attune dashboard</title>
<form method="post" action="{action}">
<input type="hidden" name="key" value="{key}"><button>Open the dashboard</button></form>
<script>document.forms[0].submit()</script></html>
"""


@contextmanager
def key_file(base: str, key: str) -> Generator[Path]:
    """A page that opens the dashboard at ``base``, for as long as the context lasts."""
    # The folder is the user's alone too.
    with tempfile.TemporaryDirectory(prefix="attune-dashboard-") as folder:
        file = Path(folder) / "open.html"
        file.touch(mode=0o600)
        file.write_text(_PAGE.format(action=escape(base + SESSION), key=escape(key)), encoding="utf-8")
        yield file
