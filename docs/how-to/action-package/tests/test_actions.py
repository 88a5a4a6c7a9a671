"""An action is still the function that it was: call it."""

import asyncio
from pathlib import Path

import pytest
from attune_executor.worker import ActionError

from example_actions.actions import checksum, primes, wait_for_port


async def test_a_port_that_answers_is_found() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await wait_for_port("127.0.0.1", port) == {"attempts": 1}
    with pytest.raises(ActionError, match="is the service up"):
        await wait_for_port("127.0.0.1", port, attempts=1)


def test_checksums(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"attune")
    assert checksum(str(file)).size_bytes == 6
    with pytest.raises(ActionError, match="cannot read"):
        checksum(str(tmp_path / "nothing"))


def test_there_are_25_primes_below_100() -> None:
    assert primes(100) == {"count": 25}
