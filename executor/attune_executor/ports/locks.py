"""Who keeps the executor from writing: sessions of the database that hold what its own wait for."""

from typing import NamedTuple


class LockHolder(NamedTuple):
    """A session that others wait for. What the database does not let this user see of it is None.

    Attributes:
        pid: what `pg_terminate_backend` takes.
        user: who is logged in.
        application: what the session calls itself, such as `psql`.
        state: `idle in transaction`, `active`, …
        seconds: how long its transaction has lasted.
    """

    pid: int
    user: str | None
    application: str | None
    state: str | None
    seconds: float | None
