"""Execution ids in ascending order, reserved from the journal in blocks: no round trip for most turns."""

from collections import deque

from attune_executor.ports.journal import Journal


class IdAllocator:
    """Gives out ids; ``ensure`` makes enough of them available first."""

    def __init__(self, journal: Journal, block_size: int) -> None:
        self._journal = journal
        self._block_size = block_size
        self._blocks: deque[range] = deque()
        self._available = 0

    async def ensure(self, count: int) -> None:
        """Have at least ``count`` ids at hand.

        Raises:
            JournalError: when the journal is away.
        """
        while self._available < count:
            block = await self._journal.reserve_ids(max(self._block_size, count - self._available))
            self._blocks.append(block)
            self._available += len(block)

    def peek(self) -> int:
        """The next id; it stays the next one until it is used."""
        return self._blocks[0].start

    def use(self) -> None:
        """The id last peeked at now belongs to an execution."""
        block = self._blocks[0]
        if len(block) > 1:
            self._blocks[0] = block[1:]
        else:
            self._blocks.popleft()
        self._available -= 1
