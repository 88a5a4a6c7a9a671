"""However the driver says that the server is away, the port says JournalError."""

import asyncpg
import pytest

from attune_executor.adapters.postgres.connection import away_is_journal_error
from attune_executor.ports.journal import JournalError


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
        ConnectionResetError("connection reset by peer"),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_away(error: Exception) -> None:
    with pytest.raises(JournalError, match="writing: "), away_is_journal_error("writing"):
        raise error


def test_a_defect_stays_a_defect() -> None:
    with pytest.raises(KeyError), away_is_journal_error("writing"):
        raise KeyError
