"""Logging, configured in one place for every program: structlog's own lines and the libraries' alike."""

import logging
import sys
from typing import Annotated, Any, Final, Literal, TypeAlias

import orjson
import structlog
from pydantic import BaseModel, BeforeValidator, ConfigDict

LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
LogFormat: TypeAlias = Literal["auto", "json", "console"]

# What the connection to the broker meets is said once, by its owner, with the remedy; these say it again with a
# traceback for each attempt.
_QUIET_LIBRARIES: Final = ("aiormq.connection", "aio_pika.connection")
# Informative at most when debugging: a line for every request.
_TALKATIVE_LIBRARIES: Final = ("httpx", "httpcore", "uvicorn.access")
# Without local variables: among them are connection URLs, and rendering deep ones stops every loop for seconds.
_TRACEBACKS: Final = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class LogSettings(BaseModel):
    """``log``.

    Attributes:
        level: the least severe level that is written.
        format: ``auto`` writes for people on a terminal and JSON everywhere else.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Annotated[LogLevel, BeforeValidator(_lower)] = "info"
    format: Annotated[LogFormat, BeforeValidator(_lower)] = "auto"

    def configure(self) -> None:
        """Configure this process's logging so."""
        configure_logging(self.level, None if self.format == "auto" else self.format == "json")


def configure_logging(level: LogLevel, json: bool | None) -> None:
    """Send all logging to standard error, one line an event.

    Args:
        level: the least severe level to show.
        json: JSON lines, or ``event key=value`` for people; None: JSON unless standard error is a terminal.
    """
    terminal = sys.stderr.isatty()
    as_json = not terminal if json is None else json
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering: list[structlog.typing.Processor] = (
        [_TRACEBACKS, structlog.processors.JSONRenderer(_orjson)]
        if as_json
        else [structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=structlog.dev.plain_traceback)]
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for name in _TALKATIVE_LIBRARIES:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)


def _orjson(value: Any, **options: Any) -> str:
    return orjson.dumps(value, default=options.get("default")).decode()
