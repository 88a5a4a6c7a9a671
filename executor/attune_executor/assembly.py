"""One shard put together: its journal, broker, statistics and maintenance behind an engine."""

from collections.abc import Callable, Sequence

from attune_executor.adapters.clock import SystemClock
from attune_executor.adapters.postgres import PostgresJournal, PostgresMaintenance
from attune_executor.adapters.rabbitmq import RabbitMQBroker
from attune_executor.domain.maintenance import MAINTAINING_SHARD
from attune_executor.engine.calibration import Calibration
from attune_executor.engine.engine import Engine
from attune_executor.engine.local_shard import LocalShard
from attune_executor.engine.maintenance import Maintenance
from attune_executor.engine.statistics import Statistics
from attune_executor.engine.turn_loop import TurnSettings
from attune_executor.metrics.broker import MeasuredBroker
from attune_executor.metrics.journal import MeasuredJournal
from attune_executor.metrics.meter import ExecutorMeter
from attune_executor.settings import Settings


class ShardAssembly:
    """Makes shards as the settings say.

    Args:
        owner: the name under which they are taken.
        listeners: called when queues changed.
        meter: hears of all that the shards do.
    """

    def __init__(
        self, settings: Settings, owner: str, listeners: Sequence[Callable[[], None]], meter: ExecutorMeter
    ) -> None:
        self._settings = settings
        self._owner = owner
        self._listeners = listeners
        self._meter = meter
        self._clock = SystemClock()

    async def open(self, number: int, if_epoch: int | None) -> LocalShard:
        """The parts of a shard; nothing runs yet.

        Raises:
            JournalError: the database is away.
        """
        url = self._settings.database.connection_url
        options = self._settings.executor
        journal = await PostgresJournal.open(url, shard=number)
        statistics = Statistics(
            self._clock,
            journal.queue_stats() if options.queue.enable_metrics else None,
            calibration=Calibration(journal.load_history(), self._clock),
            on_turn=self._meter.turns.observe,
        )
        for listener in self._listeners:
            statistics.on_change(listener)
        broker = RabbitMQBroker(
            self._settings.message_queue.connection_url,
            queue_type=self._settings.message_queue.queue_type,
            shard=number,
        )
        maintaining = maintenance = None
        if number == MAINTAINING_SHARD:
            maintaining = await PostgresMaintenance.open(url, journal.fence)
            rules = options.maintenance.rules(snapshots=options.queue.enable_metrics)
            maintenance = Maintenance(maintaining, self._clock, rules)
        engine = Engine(
            self._owner,
            MeasuredJournal(journal, self._meter),
            MeasuredBroker(broker, self._meter),
            statistics,
            self._clock,
            TurnSettings(shards=options.sharding.count),
            maintenance=maintenance,
            if_epoch=if_epoch,
        )

        async def close() -> None:
            if maintaining is not None:
                maintaining.close()
            await journal.close()

        return LocalShard(number, engine, journal, close)
