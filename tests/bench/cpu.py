"""Who used the processors: CPU seconds by process tree, ended children included."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import psutil


def listener(port: int) -> psutil.Process:
    """The process that listens on a TCP port of this machine; the first one where its children share the socket.

    Raises:
        LookupError: nobody does, or another user whom this one may not see.
    """
    pids = {
        connection.pid
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid
    }
    if not pids:
        raise LookupError(f"no process is seen to listen on port {port}")
    return psutil.Process(min(pids))


@contextmanager
def metered(roots: Mapping[str, psutil.Process]) -> Generator[dict[str, float]]:
    """Measure while the block runs; the dictionary is filled at its end: CPU seconds by name of the root, and two more.

    `load` is this process, which puts the load on, with the programs that it ran to their end for that; the roots may
    well be its children, too, and go on. `strangers` is what the rest of the machine took: with more than a little of
    it, rates and latencies are not this software's.
    """
    before, machine = _reading(roots), _machine()
    used: dict[str, float] = {}
    yield used
    used.update({name: seconds - before[name] for name, seconds in _reading(roots).items()})
    used["strangers"] = max(0.0, _machine() - machine - sum(used.values()))


def microseconds_each(cpu: Mapping[str, float], count: int) -> float:
    """CPU microseconds that one of `count` executions took, of all but strangers."""
    return (sum(cpu.values()) - cpu["strangers"]) / count * 1e6


def _reading(roots: Mapping[str, psutil.Process]) -> dict[str, float]:
    own = psutil.Process().cpu_times()
    load = own.user + own.system + own.children_user + own.children_system
    return {**{name: _seconds(root) for name, root in roots.items()}, "load": load}


def _machine() -> float:
    times = psutil.cpu_times()
    return times.user + times.nice + times.system + times.irq + times.softirq


def _seconds(root: psutil.Process) -> float:
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue  # ended since; its parent has inherited its time, or will have at the next reading
        total += times.user + times.system + times.children_user + times.children_system
    return total
