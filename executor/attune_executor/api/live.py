"""The queues, live: computed once a second for all who watch, and not at all while nobody does.

Every watcher is sent the same bytes. One that cannot follow is not waited for: it is shown the whole picture again when
it reads on. Nothing here asks the database.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeAlias

import orjson

from attune_executor.api.picture import (
    THRESHOLDS,
    Picture,
    Row,
    changes,
    decisions_by_pool,
    pool_row,
    queue_row,
    state_row,
)
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.pool_size import PoolSize
from attune_executor.domain.stats import QueueStats
from attune_executor.engine.views import EngineHealth
from attune_executor.ports.scaling_history import ScalingHistory

MOST_WATCHERS: Final = 100
LONGEST_SECONDS: Final = 300
"""How long one may watch before it has to ask again, and is asked again who it is and what it may see."""
_TICK_SECONDS: Final = 1.0
_SAMPLE_TICKS: Final = 10
_SAMPLES: Final = 60
"""Of depths: ten minutes of them, whoever watches or not."""
_HEARTBEAT_SECONDS: Final = 5.0
_HEARTBEAT: Final = b": alive\n\n"


Declared: TypeAlias = Callable[[str], tuple[str, str] | None]


class Watched(Protocol):
    """An executor as those who watch see it."""

    def stats(self) -> Sequence[QueueStats]:
        """Every queue."""
        ...

    def policies(self) -> Mapping[str, QueuePolicy]:
        """Declared policies by action."""
        ...

    def pools(self) -> Mapping[str, PoolSize]:
        """Pools of workers by name."""
        ...

    def emergency(self) -> Emergency | None:
        """What is relaxed and closed now."""
        ...

    def health(self) -> EngineHealth:
        """Whether the engines turn."""
        ...


class LiveQueues:
    """What is shown to watchers; ``run`` keeps it up to date.

    Args:
        scaling: decisions about the number of workers, where somebody takes them.
        declared: where an action's policy is, for those who want to change it: its namespace and its name.
        clock: Unix seconds.
    """

    def __init__(
        self,
        watched: Watched,
        scaling: ScalingHistory | None = None,
        declared: Declared | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.watched = watched
        self._declared = declared
        self._scaling = scaling
        self._clock = clock
        self._version = 0
        self._picture = Picture()
        self._whole: bytes | None = None
        """The picture as sent; None until somebody needs it."""
        self._news = b""
        """How the picture differs from the version before it, as sent."""
        self._told = asyncio.Event()
        """Set when the version is not the newest any more; each version has one of its own."""
        self._depths: dict[str, deque[int]] = {}
        self._rows: dict[str, tuple[Any, Row]] = {}
        """What each row was made from, and the row."""
        self._ended = False
        self.watchers = 0

    async def run(self) -> None:
        """Keep the picture up to date until cancelled; then everybody who watches is done."""
        ticks = 0
        try:
            while True:
                sampled = ticks % _SAMPLE_TICKS == 0
                if sampled:
                    self._sample()
                if self.watchers:
                    self.advance(sampled=sampled)
                ticks += 1
                await asyncio.sleep(_TICK_SECONDS)
        finally:
            self._ended = True
            self._told.set()

    def advance(self, *, sampled: bool = False) -> None:
        """Take a new picture, and tell the watchers what changed."""
        before, self._picture = self._picture, self._look()
        news = changes(before, self._picture)
        if news or sampled:
            self._version += 1
            self._whole = None
            self._news = self._event("changes", {**news, "sampled": sampled})
            told, self._told = self._told, asyncio.Event()
            told.set()

    async def messages(self, seconds: float) -> AsyncGenerator[bytes]:
        """What one watcher is sent for so long: the picture, then changes, and something at least every few seconds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        if not self.watchers:
            self.advance()
        self.watchers += 1
        try:
            seen = self._version
            yield self._picture_as_sent()
            while not self._ended and (left := end - loop.time()) > 0:
                if seen == self._version:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(min(left, _HEARTBEAT_SECONDS)):
                            await self._told.wait()
                behind, seen = self._version - seen, self._version
                if behind == 0:
                    yield _HEARTBEAT
                else:
                    yield self._news if behind == 1 else self._picture_as_sent()
        finally:
            self.watchers -= 1

    def _picture_as_sent(self) -> bytes:
        if self._whole is None:
            depths = {ref: list(depths) for ref, depths in self._depths.items() if any(depths)}
            document = {**self._picture.document(), "thresholds": THRESHOLDS, "depths": depths}
            document |= {"samples": _SAMPLES, "sample_seconds": _SAMPLE_TICKS * _TICK_SECONDS}
            self._whole = self._event("picture", document)
        return self._whole

    def _event(self, name: str, document: Mapping[str, Any]) -> bytes:
        moment = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")
        return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps({"time": moment, **document}))

    def _sample(self) -> None:
        self._whole = None
        stats = self.watched.stats()
        for each in stats:
            self._depths.setdefault(each.action_ref, deque(maxlen=_SAMPLES)).append(each.queue_length)
        if len(self._depths) > len(stats):
            known = {each.action_ref for each in stats}
            self._depths = {ref: depths for ref, depths in self._depths.items() if ref in known}

    def _look(self) -> Picture:
        watched = self.watched
        emergency, pools, policies = watched.emergency(), watched.pools(), watched.policies()
        rows: dict[str, tuple[Any, Row]] = {}
        for stats in watched.stats():
            policy = policies.get(stats.action_ref)
            pool = None if policy is None else pools.get(policy.pool)
            where = None if self._declared is None else self._declared(stats.action_ref)
            made_from = (stats, policy, emergency, None if pool is None else pool.slots, where)
            known = self._rows.get(stats.action_ref)
            # Most of a thousand queues do nothing at any moment.
            unchanged = known is not None and known[0] == made_from
            row = known[1] if known is not None and unchanged else queue_row(*made_from[:3], pool, where)
            rows[stats.action_ref] = (made_from, row)
        self._rows = rows
        return Picture(
            state=state_row(watched.health(), emergency, scales=self._scaling is not None),
            queues={ref: row for ref, (_, row) in rows.items()},
            pools={name: pool_row(pool) for name, pool in pools.items()},
            decisions=decisions_by_pool(self._scaling.latest(), pools) if self._scaling is not None else {},
        )


class AbsentQueues:
    """Nothing to see: for the description of the API, which needs none."""

    def stats(self) -> Sequence[QueueStats]:
        """No queue."""
        return ()

    def policies(self) -> Mapping[str, QueuePolicy]:
        """No policy."""
        return {}

    def pools(self) -> Mapping[str, PoolSize]:
        """No worker."""
        return {}

    def emergency(self) -> Emergency | None:
        """None."""

    def health(self) -> EngineHealth:
        """It does not turn."""
        return EngineHealth(serving=False, last_turn_age_seconds=0.0, broker_connected=False, detail="no engine")
