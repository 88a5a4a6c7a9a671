"""What the executor knows: queues, the order of executions, what hangs, metrics."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

from attune_operator.ctl.errors import CtlError
from attune_operator.ctl.execution_commands import EXECUTIONS
from attune_operator.ctl.executor_api import ExecutorApi
from attune_operator.ctl.incident.archive import Archive
from attune_operator.ctl.incident.findings import COLUMNS, accepted_since, order_row, stuck
from attune_operator.ctl.incident.redaction import redact_object, redact_text

_PAGE: Final = 500
_HOUR: Final = timedelta(hours=1)
_PAYLOADS: Final = 100
"""Executions that are fetched with parameters and results, where that is wished."""
PAYLOADS: Final = frozenset({"parameters", "result"})


class ExecutorParts:
    """Collects by the executor's API.

    Args:
        now: the time of the incident.
        cap: most executions in the list of the last hour, of one action.
        payloads: whether executions come with parameters and results.
    """

    def __init__(self, executor: ExecutorApi, archive: Archive, now: datetime, *, cap: int, payloads: bool) -> None:
        self._executor = executor
        self._archive = archive
        self._now = now
        self._cap = cap
        self._payloads = payloads

    async def text(self, path: str, file: str) -> None:
        """A page as it is."""
        self._archive.add(f"executor/{file}", redact_text(await self._executor.text(path)))

    async def data(self, path: str, file: str) -> None:
        """The data of an answer."""
        self._archive.add(f"executor/{file}", _json(redact_object(await self._executor.get(path))))

    async def queue_stats(self, action: str) -> None:
        """The runbook's `curl …/queue-stats`."""
        await self.data(f"/api/v1/actions/{quote(action)}/queue-stats", f"queue-stats/{action}.json")

    async def order(self, action: str | None) -> None:
        """The runbook's query for the order: what was accepted in the last hour, the first accepted first.

        Raises:
            CtlError: it was more than the cap; the newest are kept.
        """
        rows: list[str] = []
        after: int | None = None
        capped = False
        while True:
            query = {"order": "newest", "limit": _PAGE, **_named(action), **({"after": after} if after else {})}
            page = await self._executor.page(f"{EXECUTIONS}?{urlencode(query)}")
            recent = accepted_since(page["data"], self._now - _HOUR)
            rows += [order_row(each) for each in recent]
            after = page["next"]
            capped = len(rows) > self._cap
            if capped or after is None or len(recent) < len(page["data"]):
                break
        kept = rows[: self._cap]
        lines = ["\t".join(COLUMNS), *reversed(kept)]
        self._archive.add(f"executor/execution-order/{action or 'all'}.tsv", redact_text("\n".join(lines)) + "\n")
        if capped:
            raise CtlError(f"more than {self._cap} were accepted in the last hour: the newest {self._cap} are kept")

    async def stuck(self, action: str | None) -> None:
        """The runbook's stuck executions: open, and without a change for ten minutes; the oldest first.

        Raises:
            CtlError: there are more than a page of them in one status; the oldest are kept.
        """
        found: list[Mapping[str, Any]] = []
        more: list[str] = []
        for status in ("running", "scheduled", "requested"):
            query = {"order": "oldest", "status": status, "limit": _PAGE, **_named(action)}
            oldest = stuck(await self._executor.get(f"{EXECUTIONS}?{urlencode(query)}"), self._now)
            found += oldest
            more += [status] if len(oldest) == _PAGE else []
        self._archive.add(f"executor/stuck/{action or 'all'}.json", _json(await self._with_payloads(found)))
        if more:
            raise CtlError(f"only the oldest {_PAGE} are kept of: {', '.join(more)}")

    async def _with_payloads(self, executions: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Executions as they are kept: without parameters and results unless these are wished."""
        kept: list[Any] = []
        for number, each in enumerate(executions):
            execution: Mapping[str, Any] = each
            if self._payloads and number < _PAYLOADS:
                execution = await self._executor.get(f"{EXECUTIONS}/{each['id']}")
            kept.append(redact_object({name: value for name, value in execution.items() if self._keeps(name)}))
        return kept

    def _keeps(self, name: str) -> bool:
        return self._payloads or name not in PAYLOADS


def _named(action: str | None) -> dict[str, str]:
    return {} if action is None else {"action_ref": action}


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
