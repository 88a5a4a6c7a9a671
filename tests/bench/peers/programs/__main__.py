"""`python -m bench.peers.programs NAME install | enqueue COUNT | work`: runs a program of a peer.

Each has `install`, which prepares an empty database and broker, and `enqueue`, which hands over so many tasks and calls
its second argument right before the first, when all is connected. `work` is for those whose own command line we cannot
use.
"""

import json
import sys
import time
from importlib import import_module

from bench.peers.peer import PROGRAMS


def main(name: str, command: str, *arguments: str) -> None:
    """Run one command; `enqueue` prints when it began and when all was handed over, by the monotonic clock."""
    program = import_module(f"{PROGRAMS}.{name}")
    if command != "enqueue":
        getattr(program, command)()
        return
    began: list[float] = []
    program.enqueue(int(arguments[0]), lambda: began.append(time.monotonic()))
    json.dump({"started": began[0], "enqueued": time.monotonic()}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
