"""Writes the pages of reference that are made of code."""

from testbed.docs.generated import files

for path, text in files().items():
    path.write_text(text, encoding="utf-8")
