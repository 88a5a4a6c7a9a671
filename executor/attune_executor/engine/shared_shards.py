"""Ownership of some shards, by one of several executors that share them.

Every second each of them says that it is alive and looks who else is. What it is to take or to give back follows from
that alone (`attune_executor.domain.sharding`); nobody tells anybody. An engine that is fenced has lost its shard to
another executor, which is no reason to end: this one goes on with the others, and takes part again.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final

import structlog

from attune_executor.domain.emergency import Emergency
from attune_executor.domain.maintenance import MaintenanceRules
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.sharding import divide, shard_of
from attune_executor.engine.engine import Engine
from attune_executor.engine.local_shard import LocalShard, OpenShard
from attune_executor.engine.remote_queues import RemoteQueues, RemoteView
from attune_executor.engine.views import UnavailableError
from attune_executor.ports.broker import BrokerError
from attune_executor.ports.journal import FencedError, JournalError
from attune_executor.ports.membership import Member, Membership
from attune_executor.ports.peers import Peers

_log = structlog.get_logger("attune.shards")
_POLL_SECONDS: Final = 0.05


class SharedShards:
    """Takes its share of the shards and lets go of it as others come and go.

    Args:
        member: this executor; its name must be nobody else's.
        peers: the other executors, who are asked for the queues that are theirs.
        policies: by action, of all shards: a shard gets them when it is taken, before it serves.
        emergency: likewise.
        interval_seconds: between two looks around.
    """

    def __init__(
        self,
        member: Member,
        membership: Membership,
        peers: Peers,
        count: int,
        open_shard: OpenShard,
        policies: Mapping[str, QueuePolicy],
        emergency: Emergency | None,
        interval_seconds: float = 1.0,
    ) -> None:
        self._member = member
        self._membership = membership
        self._count = count
        self._open = open_shard
        self._declared = dict(policies)
        self._emergency = emergency
        self._maintenance: MaintenanceRules | None = None
        self._interval_seconds = interval_seconds
        self._owning: dict[int, asyncio.Task[None]] = {}
        self._turning: dict[int, Engine] = {}
        self._looking: asyncio.Task[None] | None = None
        self._stopping = False
        self._others: Mapping[Member, Sequence[int]] = {}
        self._remote = RemoteView(peers, membership.statistics)
        self.engines: dict[int, Engine] = {}
        """Of the shards that serve here, with their policies in force."""

    @property
    def remote(self) -> RemoteQueues:
        """The queues of the other shards, about a second old; any thread may read it."""
        return self._remote.queues

    async def start(self) -> None:
        """Join; returns once the shards that were free are served here.

        Raises:
            JournalError: the database is away.
        """
        await self._look_around()
        await self._remote.heard()
        self._looking = asyncio.create_task(self._keep_looking(), name="shards")
        while any(number not in self.engines for number in self._owning):
            await asyncio.wait({self._looking}, timeout=_POLL_SECONDS)
            if self._looking.done():
                self._looking.result()

    async def during(self, step: Coroutine[Any, Any, None]) -> None:
        """Await ``step``, unless this fails before it; raises what it failed of."""
        stepping = asyncio.create_task(step)
        ends = {stepping} if self._looking is None else {stepping, self._looking}
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            stepping.cancel()

    async def wait(self) -> None:
        """Return never, unless something fails that is no outage and no loss of a shard; raises that."""
        if self._looking is not None:
            await asyncio.wait({self._looking})
            self._looking.result()

    async def stop(self) -> None:
        """Leave, and give every shard back so that the others can take them at once."""
        self._stopping = True
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})
        await self._remote.close()
        try:
            await self._membership.leave(self._member.name)
        except JournalError as error:
            _log.warning("not signed off, the others wait until they take over", reason=str(error))
        for engine in self._turning.values():
            engine.stop()
        if self._owning:
            await asyncio.wait(self._owning.values())

    def owner_url(self, shard: int) -> str | None:
        """Where the API of a shard's owner is, as of a moment ago; None where nobody who is alive owns it."""
        return next((member.url for member, owned in self._others.items() if shard in owned), None)

    def others(self) -> Mapping[Member, Sequence[int]]:
        """The other executors that are alive, as of a moment ago, each with the shards that it owns."""
        return self._others

    async def set_policy(self, ref: str, policy: QueuePolicy) -> None:
        """Declare an action's policy; in force when this returns, where its shard is here."""
        self._declared[ref] = policy
        engine = self.engines.get(shard_of(ref, self._count))
        if engine is not None:
            await engine.set_policy(ref, policy)

    async def remove_policy(self, ref: str) -> None:
        """Refuse new executions of the action, where its shard is here."""
        self._declared.pop(ref, None)
        engine = self.engines.get(shard_of(ref, self._count))
        if engine is not None:
            await engine.remove_policy(ref)

    async def set_emergency(self, emergency: Emergency | None) -> None:
        """Relax limits and close actions of the shards that are here, or no longer."""
        self._emergency = emergency
        await asyncio.gather(*(engine.set_emergency(emergency) for engine in self.engines.values()))

    def set_maintenance(self, rules: MaintenanceRules) -> None:
        """Change what maintenance does, here and wherever its shard is taken by this executor later."""
        self._maintenance = rules
        for engine in self._turning.values():
            engine.set_maintenance(rules)

    def policies(self) -> Mapping[str, QueuePolicy]:
        """Policies in force where the shard is here, and those that would be where it is not."""
        elsewhere = {
            ref: policy for ref, policy in self._declared.items() if shard_of(ref, self._count) not in self.engines
        }
        here = {ref: policy for engine in self.engines.values() for ref, policy in engine.policies().items()}
        return elsewhere | here

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(self._interval_seconds)
            for number, task in list(self._owning.items()):
                if task.done():
                    del self._owning[number]
                    task.result()
            try:
                await self._look_around()
            except JournalError as error:
                # The turns meet the same outage; whoever is really cut off is fenced by those who are not.
                _log.warning("cannot look who else is alive", reason=str(error))

    async def _look_around(self) -> None:
        roster = await self._membership.renew(self._member)
        self._others = {
            member: [state.shard for state in roster.shards if state.owner == member.name]
            for member in roster.members
            if member != self._member
        }
        epochs = {state.shard: state.epoch for state in roster.shards}
        holding = self._owning.keys()
        division = divide(self._member.name, holding, [member.name for member in roster.members], roster.shards)
        for number in division.take:
            self._owning[number] = asyncio.create_task(self._own(number, epochs[number]), name=f"shard {number}")
        if division.give_back in self._turning:
            _log.info("giving a shard back for others to take", shard=division.give_back)
            self._turning[division.give_back].stop()
        self._remote.ask([number for number in epochs if number not in self._owning], self._others)

    async def _own(self, number: int, epoch: int) -> None:
        """Take a shard, serve it, and give it back once its engine is told to stop."""
        try:
            shard = await self._open(number, epoch)
        except JournalError as error:
            _log.warning("shard not taken", shard=number, reason=str(error))
            return
        try:
            if not self._stopping:
                await self._serve(shard)
        except FencedError as error:
            _log.warning("shard lost", shard=number, reason=str(error))
        except (JournalError, BrokerError) as error:
            _log.warning("shard not served, trying again", shard=number, reason=str(error))
        finally:
            await shard.close()

    async def _serve(self, shard: LocalShard) -> None:
        number, engine = shard.number, shard.engine
        if self._maintenance is not None:
            engine.set_maintenance(self._maintenance)
        self._turning[number] = engine
        running = asyncio.create_task(engine.run(), name=f"engine {number}")
        configuring = asyncio.create_task(self._configure(number, engine), name=f"configuration {number}")
        try:
            await asyncio.wait({running, configuring}, return_when=asyncio.FIRST_COMPLETED)
            if configuring.done():
                configuring.result()
                self.engines[number] = engine
                _log.info("shard served here", shard=number)
            await running
            await shard.journal.release()
        finally:
            self.engines.pop(number, None)
            del self._turning[number]
            for task in (running, configuring):
                task.cancel()
            await asyncio.wait({running, configuring})

    async def _configure(self, number: int, engine: Engine) -> None:
        """Put the policies and emergency mode in force, in the state that they have in the end."""
        await engine.started()
        in_force = False
        while not in_force:
            emergency = self._emergency
            declared = {ref: policy for ref, policy in self._declared.items() if shard_of(ref, self._count) == number}
            present = engine.policies()
            outcomes = await asyncio.gather(
                engine.set_emergency(emergency),
                *(engine.set_policy(ref, policy) for ref, policy in declared.items() if present.get(ref) != policy),
                *(engine.remove_policy(ref) for ref in present.keys() - declared.keys()),
                return_exceptions=True,
            )
            failed = [outcome for outcome in outcomes if outcome is not None]
            for failure in failed:
                if not isinstance(failure, UnavailableError):
                    raise failure
            declared = {ref: policy for ref, policy in self._declared.items() if shard_of(ref, self._count) == number}
            in_force = not failed and engine.policies() == declared and self._emergency == emergency
            if failed:
                await asyncio.sleep(self._interval_seconds)
