"""Writes what is generated of alerts and metrics."""

from testbed.monitoring.generated import files

for path, text in files().items():
    path.write_text(text, encoding="utf-8")
