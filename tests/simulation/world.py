"""One seed: executors, workers, clients, an operator, and everything that goes wrong between them.

For a while everything fails; then nothing does, and all that was accepted has to end.
"""

import asyncio
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from random import Random
from typing import Final
from unittest.mock import patch

from structlog.testing import capture_logs

from attune_executor import backoff
from attune_executor.adapters.memory import JournalStore, MemoryQueueStatsRepository
from attune_executor.adapters.memory import journal as memory_journal
from attune_executor.domain import purge
from attune_executor.domain.execution import TERMINAL, ExecutionStatus
from attune_executor.domain.policy import QueuePolicy, RateLimit, RetryPolicy, WorkerLost
from attune_executor.domain.queue_manager import Patience
from attune_executor.engine import statistics, turn, turn_loop
from attune_executor.engine.engine import Engine
from attune_executor.engine.statistics import Statistics
from attune_executor.engine.turn_loop import TurnSettings
from attune_executor.engine.views import UnavailableError
from attune_executor.ports.broker import BrokerError
from attune_executor.ports.journal import JournalError
from simulation.callers import Callers
from simulation.exchange import Connection, Exchange
from simulation.faults import Faults, Process
from simulation.journal import SimulatedJournal
from simulation.judge import Judge
from simulation.virtual_time import VirtualTimeLoop, run
from simulation.worker import SimulatedWorker

_EPOCH: Final = 1_700_000_000.0
_TROUBLE_SECONDS: Final = 20.0
_PATIENCE: Final = Patience(scheduled_seconds=15.0, run_grace_seconds=3.0, cancel_seconds=8.0)
_SETTINGS: Final = TurnSettings(roll_call_seconds=2.0, patience=_PATIENCE, id_block_size=7)
_EVERYTHING_ENDS_WITHIN: Final = 600.0
_PURGED_IN_A_TURN: Final = 2
_PURGED_AT_MOST: Final = 5
"""Queues are short here: a purge takes turns and requests all the same."""


class World:
    """Everything there is."""

    def __init__(self, seed: int, loop: VirtualTimeLoop) -> None:
        self.random = Random(seed)  # noqa: S311 - dice, not cryptography
        self.faults = Faults(self.random, self.random.choice((0.0, 0.01, 0.03, 0.1)))
        self.loop = loop
        self.store = JournalStore()
        self.judge = Judge(self.store, self.now)
        self.exchange = Exchange(self.faults, self.judge)
        self.pools = ("default", "other")[: self.random.randint(1, 2)]
        self.policies = {f"action-{number}": self._policy() for number in range(self.random.randint(1, 3))}
        self.executors: list[tuple[Process, Engine, Connection]] = []
        self.callers = Callers(self.random, self.judge, list(self.policies), self._engines)
        self.workers: dict[str, SimulatedWorker] = {}
        self._supervised: set[asyncio.Task[None]] = set()
        self._names = 0

    def now(self) -> float:
        return _EPOCH + self.loop.time()

    async def live(self) -> None:
        """Trouble, then peace."""
        for pool in self.pools:
            for _ in range(self.random.randint(1, 2)):
                self._start_worker(pool)
        self._start_executor()
        clients = [asyncio.create_task(self.callers.client(number)) for number in range(self.random.randint(1, 4))]
        clients.append(asyncio.create_task(self.callers.purger()))
        trouble = asyncio.create_task(self._trouble())
        await asyncio.sleep(_TROUBLE_SECONDS)
        trouble.cancel()
        self.faults.rate = 0.0
        self._make_peace()
        async with asyncio.timeout(_EVERYTHING_ENDS_WITHIN):
            await asyncio.gather(*clients)
            while not self._all_is_over() and self.judge.violation is None:
                await asyncio.sleep(1.0)

    def _all_is_over(self) -> bool:
        return self.judge.all_has_ended() and not any(
            stats.queue_length or stats.active_count
            for _, engine, _ in self.executors
            for ref in self.policies
            if (stats := engine.stats_of(ref)) is not None
        )

    # Executors

    def _engines(self) -> list[tuple[str, Engine]]:
        return [(process.name, engine) for process, engine, _ in self.executors]

    def _start_executor(self) -> None:
        self._names += 1
        process = Process(f"executor-{self._names}", self.faults)
        journal = SimulatedJournal(self.store, process, self.judge)
        connection = Connection(self.exchange, process, self.random.choice((2, 5, 50)))
        repository = MemoryQueueStatsRepository(self.store)
        engine = Engine(process.name, journal, connection, Statistics(self, repository), self, _SETTINGS)
        self.executors.append((process, engine, connection))
        process.task = asyncio.create_task(self._supervise(process, engine, connection))
        self._supervised.add(process.task)

    async def _supervise(self, process: Process, engine: Engine, connection: Connection) -> None:
        declaring = asyncio.create_task(self._declare(engine))
        try:
            await engine.run()
        except asyncio.CancelledError:
            pass
        except (JournalError, BrokerError):
            # Fenced, or the world was away when it started: it exits.
            process.alive = False
        except AssertionError as violation:
            process.alive = False
            self.judge.violation = self.judge.violation or violation
        finally:
            declaring.cancel()
            self.loop.call_later(self.random.random() * 2, connection.close)
            self.executors = [each for each in self.executors if each[0] is not process]
        if self.loop.is_running() and not self.executors:
            self.loop.call_later(self.random.random() * 2, self._restart)

    def _restart(self) -> None:
        if not self.executors:
            self._start_executor()

    async def _declare(self, engine: Engine) -> None:
        """What the operator of the cluster does with a new executor: tell it the policies."""
        await engine.started()
        for ref, policy in self.policies.items():
            while engine.policies().get(ref) != policy:
                try:
                    await engine.set_policy(ref, policy)
                except UnavailableError:
                    await asyncio.sleep(0.5)

    # Workers

    def _start_worker(self, pool: str) -> None:
        self._names += 1
        name = f"worker-{self._names}"
        self.workers[name] = SimulatedWorker(self.exchange, self.judge, name, pool, self.random.randint(1, 4))

    # Trouble

    async def _trouble(self) -> None:
        if not self.faults.rate:
            return
        while True:
            await asyncio.sleep(self.random.random() * 3)
            self.random.choice(
                (
                    self._kill_worker,
                    self._kill_executor,
                    self._second_executor,
                    self._pause_executor,
                    self._journal_outage,
                    self._broker_outage,
                    self._sql,
                    self._change_policy,
                )
            )()

    def _kill_worker(self) -> None:
        if self.workers:
            worker = self.workers.pop(self.random.choice(list(self.workers)))
            worker.kill()
            self.loop.call_later(self.random.random() * 5, self._start_worker, worker.pool)

    def _kill_executor(self) -> None:
        if self.executors:
            self.random.choice(self.executors)[0].kill()

    def _second_executor(self) -> None:
        if len(self.executors) < 3:
            self._start_executor()

    def _pause_executor(self) -> None:
        if self.executors:
            self.random.choice(self.executors)[0].paused_until = self.loop.time() + self.random.random() * 8
            if self.random.random() < 0.7:
                self._second_executor()

    def _journal_outage(self) -> None:
        self.store.away = True
        self.loop.call_later(self.random.random() * 3, self._journal_back)

    def _journal_back(self) -> None:
        self.store.away = False

    def _broker_outage(self) -> None:
        if not self.exchange.away:
            self.exchange.go_away()
            self.loop.call_later(self.random.random() * 3, self._broker_back)

    def _broker_back(self) -> None:
        if self.exchange.away:
            self.exchange.come_back()

    def _sql(self) -> None:
        """An operator ends something by hand, or switches an action off for a moment."""
        if self.random.random() < 0.5:
            open_ids = [
                execution_id for execution_id, row in self.store.executions.items() if row.stored.status not in TERMINAL
            ]
            if open_ids:
                execution_id = self.random.choice(open_ids)
                self.store.end(execution_id, ExecutionStatus.FAILED)
                self.judge.ended_by_operator(execution_id, ExecutionStatus.FAILED)
        elif self.store.actions:
            ref = self.random.choice(list(self.store.actions))
            self.store.enable(ref, enabled=False)
            self.loop.call_later(self.random.random() * 3, self.store.enable, ref, True)

    def _change_policy(self) -> None:
        ref = self.random.choice(list(self.policies))
        self.policies[ref] = self._policy()
        for _, engine, _ in self.executors:
            task = asyncio.create_task(self._declare(engine))
            self._supervised.add(task)

    def _policy(self) -> QueuePolicy:
        random = self.random
        return QueuePolicy(
            concurrency=random.randint(1, 3),
            max_queue_length=random.choice((3, 100)),
            pool=random.choice(self.pools),
            queue_timeout_seconds=random.choice((None, 30.0)),
            execution_timeout_seconds=random.choice((None, 1.0, 5.0)),
            group_by=random.choice(((), ("k",))),
            rate_limit=random.choice((None, None, RateLimit(2, 1.0))),
            retry=RetryPolicy(
                random.randint(1, 3), random.choice((0.0, 1.0)), random.choice((WorkerLost.RETRY, WorkerLost.FAIL))
            ),
        )

    def _make_peace(self) -> None:
        self._journal_back()
        self._broker_back()
        for process, _, _ in self.executors:
            process.paused_until = 0.0
        for pool in self.pools:
            self._start_worker(pool)


def simulate(seed: int) -> World:
    """Live through one seed; raises AssertionError where a promise is broken."""
    loop = VirtualTimeLoop()
    world = World(seed, loop)
    with _dice_time_and_sizes(world), capture_logs():
        try:
            run(loop, world.live())
        except TimeoutError:
            if world.judge.violation is None:
                world.judge.conclude()
                raise AssertionError("a client is never answered, or a slot or place is never free again") from None
    world.judge.conclude()
    return world


@contextmanager
def _dice_time_and_sizes(world: World) -> Generator[None]:
    with ExitStack() as patches:
        for module in (turn_loop, statistics, memory_journal):
            patches.enter_context(patch.object(module, "monotonic", world.loop.time))
        patches.enter_context(patch.object(backoff, "random", world.random))
        patches.enter_context(patch.object(turn, "PURGED_IN_A_TURN", _PURGED_IN_A_TURN))
        patches.enter_context(patch.object(purge, "PURGED_AT_MOST", _PURGED_AT_MOST))
        yield
