"""One line an event, whoever logs it, in JSON for machines and in words for people."""

import subprocess
import sys

import orjson
import pytest

PROGRAM = """
import logging, structlog
from attune_executor.observability import LogSettings
LogSettings(level={level!r}, format={format!r}).configure()
log = structlog.get_logger("attune.worker")
log.debug("unseen")
log.warning("execution failed", execution_id=7, action="core.echo")
logging.getLogger("library").warning("from a %s", "library")
logging.getLogger("httpx").info("chatter")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("raised")
"""


def output(level: str, log_format: str) -> list[str]:
    program = PROGRAM.format(level=level, format=log_format)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout == ""
    return done.stderr.splitlines()


@pytest.mark.parametrize("log_format", ["json", "auto"])
def test_json_unless_on_a_terminal(log_format: str) -> None:
    first, second, third = (orjson.loads(line) for line in output("INFO", log_format))
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "execution failed",
        "level": "warning",
        "logger": "attune.worker",
        "execution_id": 7,
        "action": "core.echo",
    }
    assert (second["event"], second["logger"]) == ("from a library", "library")
    assert third["exception"][0]["exc_type"] == "ZeroDivisionError"


def test_words_for_people_without_colours_where_there_is_no_terminal() -> None:
    lines = output("debug", "console")
    assert any("unseen" in line for line in lines)
    [line] = [line for line in lines if "execution failed" in line]
    assert "execution_id=7" in line
    assert "\x1b" not in "".join(lines)
