"""TCP ports for servers that are about to start.

A port that the kernel hands out for port 0 may be given to an outgoing connection before the server binds
it. So ports come from below the range of outgoing connections, and each is handed out once in a process.
"""

import secrets
import socket

FIRST, LAST = 20_000, 32_000
_handed_out: set[int] = set()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on and that this process has not been given before."""
    for _ in range(1000):
        port = FIRST + secrets.randbelow(LAST - FIRST)
        if port in _handed_out:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _handed_out.add(port)
        return port
    raise RuntimeError(f"no free port between {FIRST} and {LAST} on 127.0.0.1")
