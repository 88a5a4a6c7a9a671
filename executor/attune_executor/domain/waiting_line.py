"""A line of waiting executions: first in, first out, in tens of bytes each, with places given up from within.

Three machine numbers per execution, in chunks that are dropped from the front: nothing here is moved or searched in
proportion to how many wait, save the position of one of them, which counts chunks.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from typing import Final

_CHUNK: Final = 4096
_GONE: Final = 0
"""In place of the id of one that was removed; ids count from 1."""


class _Chunk:
    __slots__ = ("created", "head", "ids", "live", "orders")

    def __init__(self) -> None:
        self.ids = array("q")
        self.orders = array("q")
        self.created = array("d")
        self.head = 0
        self.live = 0


class WaitingLine:
    """Executions by queue order. The head of a line that is not empty is always one that waits."""

    __slots__ = ("_chunks", "_length")

    def __init__(self) -> None:
        self._chunks: deque[_Chunk] = deque()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def head_created(self) -> float:
        """When the head was accepted, in Unix seconds; the line must not be empty."""
        chunk = self._chunks[0]
        return chunk.created[chunk.head]

    @property
    def head_order(self) -> int:
        """The queue order of the head; the line must not be empty."""
        chunk = self._chunks[0]
        return chunk.orders[chunk.head]

    def append(self, execution_id: int, queue_order: int, created: float) -> None:
        """Join at the tail; queue orders must ascend."""
        tail = self._tail()
        tail.ids.append(execution_id)
        tail.orders.append(queue_order)
        tail.created.append(created)
        tail.live += 1
        self._length += 1

    def extend(self, execution_ids: Sequence[int], queue_orders: Sequence[int], created: Sequence[float]) -> None:
        """Join at the tail, many at once; queue orders must ascend."""
        begin = 0
        while begin < len(execution_ids):
            tail = self._tail()
            part = slice(begin, begin + _CHUNK - len(tail.ids))
            joining = execution_ids[part]
            tail.ids.extend(joining)
            tail.orders.extend(queue_orders[part])
            tail.created.extend(created[part])
            tail.live += len(joining)
            begin += len(joining)
        self._length += len(execution_ids)

    def popleft(self) -> int:
        """Take the head and return its execution id; the line must not be empty."""
        chunk = self._chunks[0]
        execution_id = chunk.ids[chunk.head]
        chunk.head += 1
        self._left(chunk)
        return execution_id

    def remove(self, queue_order: int) -> int | None:
        """Give up the place with this order; returns the execution id, or None where it does not wait here."""
        found = self._find(queue_order)
        if found is None:
            return None
        chunk, index = found
        execution_id = chunk.ids[index]
        chunk.ids[index] = _GONE
        self._left(chunk)
        return execution_id

    def position(self, queue_order: int) -> int:
        """Place of the execution with this order: 1 is the head, 0 means that it does not wait here."""
        return 0 if self._find(queue_order) is None else self.up_to(queue_order)

    def up_to(self, queue_order: int) -> int:
        """How many wait with this order or an earlier one."""
        before = 0
        for chunk in self._chunks:
            if chunk.orders[-1] >= queue_order:
                end = bisect_right(chunk.orders, queue_order, chunk.head)
                return before + end - chunk.head - chunk.ids[chunk.head : end].count(_GONE)
            before += chunk.live
        return before

    def _tail(self) -> _Chunk:
        """The chunk that has a place for the next one."""
        chunks = self._chunks
        if not chunks or len(chunks[-1].ids) >= _CHUNK:
            chunks.append(_Chunk())
        return chunks[-1]

    def _find(self, queue_order: int) -> tuple[_Chunk, int] | None:
        for chunk in self._chunks:
            if chunk.orders[-1] >= queue_order:
                index = bisect_left(chunk.orders, queue_order, chunk.head)
                there = index < len(chunk.orders) and chunk.orders[index] == queue_order and chunk.ids[index] != _GONE
                return (chunk, index) if there else None
        return None

    def _left(self, chunk: _Chunk) -> None:
        chunk.live -= 1
        self._length -= 1
        while self._chunks:
            first = self._chunks[0]
            if first.live:
                while first.ids[first.head] == _GONE:
                    first.head += 1
                return
            self._chunks.popleft()
