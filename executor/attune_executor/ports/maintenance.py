"""What maintenance needs of the database. Only the owner of the shard changes anything here."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from attune_executor.domain.maintenance import Task, TaskRun


class Swept(NamedTuple):
    """What a batch over the executions in the order of their ids found.

    ``scanned`` rows were looked at, ``last_id`` being the highest; ``old`` says that one was created before the limit.
    """

    scanned: int
    deleted: int
    last_id: int
    old: bool


class Counted(NamedTuple):
    """How many executions a batch added to their days; ``more`` says that there may be others behind them."""

    executions: int
    more: bool


class MaintenanceRepository(Protocol):
    """Carries the tasks out. Times are Unix seconds.

    Every method raises JournalError where the database is away. All but ``last_run`` and ``uncounted`` raise it also
    where the shard has another owner, or the task another run than ``previous``: nothing was changed then.
    """

    async def last_run(self, task: Task) -> TaskRun | None:
        """The last completed run, whoever did it."""
        ...

    async def snapshot_queues(self, now: float, previous: TaskRun | None) -> TaskRun:
        """Copy the statistics of queues with anything waiting or active; recorded with the copy or not at all."""
        ...

    async def clean_queue_stats(self, before: float, now: float, previous: TaskRun | None) -> TaskRun:
        """Delete the statistics of queues at rest since ``before``; recorded with the deletion or not at all.

        Totals are kept.
        """
        ...

    async def delete_snapshots(self, before: float, limit: int) -> int:
        """Delete up to ``limit`` snapshots taken before; returns how many, fewer than ``limit`` when none is left."""
        ...

    async def delete_executions(self, before: float, after_id: int, limit: int) -> Swept:
        """Look at the next ``limit`` executions above ``after_id``; delete those finished before. Totals are kept."""
        ...

    async def uncounted(self, before: float) -> Sequence[int]:
        """The ids of actions with executions accepted before that are in no day yet."""
        ...

    async def count_days(self, action_id: int, before: float, limit: int) -> Counted:
        """Look at the next ``limit`` executions of an action; add those accepted before to their days, each once."""
        ...

    async def delete_days(self, before: float, limit: int) -> int:
        """Delete up to ``limit`` counts of days before that of a moment; returns how many."""
        ...

    async def record(self, run: TaskRun, previous: TaskRun | None) -> None:
        """Keep ``run`` as the task's last one."""
        ...
