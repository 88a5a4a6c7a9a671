"""A way from this machine to the executor's API in a cluster, one that outlives the pod at its other end."""

import queue
import subprocess
import threading
import time
from types import TracebackType
from typing import Self

from testbed.cluster.errors import ClusterError
from testbed.cluster.kubectl import Kubectl

_READY_SECONDS = 60.0
_ANNOUNCEMENT_SECONDS = 10.0
_STOP_SECONDS = 5.0
_ANNOUNCEMENT = "Forwarding from 127.0.0.1:"


class PortForward:
    """`kubectl port-forward` to a Service, started again when its pod is gone.

    Use as a context manager. `url()` may block for as long as the Service has no ready pod, up to a minute.
    """

    def __init__(self, kubectl: Kubectl, namespace: str, target: str, port: int) -> None:
        self._kubectl = kubectl
        self._arguments = ("--namespace", namespace, "port-forward", target, f":{port}")
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._url = ""
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stop()

    def url(self) -> str:
        """The base URL of a forward that runs.

        Raises:
            ClusterError: no pod became ready.
        """
        with self._turn:
            if self._process is None or self._process.poll() is not None:
                self._start()
            return self._url

    def lost(self, url: str) -> None:
        """Say that `url` does not answer: unless it has been replaced already, the next `url()` starts anew."""
        with self._turn:
            if url == self._url:
                self._stop()

    def _start(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            self._stop()
            self._process = subprocess.Popen(
                self._kubectl.command(*self._arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            said = self._first_line(self._process)
            if said.startswith(_ANNOUNCEMENT):
                self._url = f"http://127.0.0.1:{said.removeprefix(_ANNOUNCEMENT).split()[0]}"
                return
            if time.monotonic() > deadline:
                self._stop()
                raise ClusterError(f"kubectl {' '.join(self._arguments)}: {said or 'said nothing'}")
            time.sleep(0.2)

    def _first_line(self, process: subprocess.Popen[str]) -> str:
        """The first line it prints; the rest is read and dropped, so that it never blocks on a full pipe."""
        output = process.stdout
        if output is None:
            raise RuntimeError("kubectl was started without a pipe")
        lines: queue.Queue[str] = queue.Queue()

        def read() -> None:
            with output:
                lines.put(output.readline().strip())
                for _ in output:
                    pass

        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()
        try:
            return lines.get(timeout=_ANNOUNCEMENT_SECONDS)
        except queue.Empty:
            return ""

    def _stop(self) -> None:
        if self._process is None or self._reader is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process = self._reader = None
        self._url = ""
