"""Replicas of the operator as processes of this machine, against a real API server; made to be killed and paused."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx

from testbed.attune.api_gate import ApiGate
from testbed.attune.cable import Cable
from testbed.attune.callers import bearer, caller_token
from testbed.attune.processes import HostProcess
from testbed.cluster.kubectl import Kubectl
from testbed.services.ports import free_port

LEASE_SECONDS = 4
_READY_SECONDS = 60.0

T = TypeVar("T")


class OperatorReplica(HostProcess):
    """One replica and its API, called with `token`."""

    def __init__(self, number: int, environment: dict[str, str], folder: Path, token: str) -> None:
        self.headers = bearer(token)
        """What its API is called with."""
        self.url = f"http://127.0.0.1:{free_port()}"
        self.health_url = f"http://127.0.0.1:{free_port()}"
        ports = {
            "ATTUNE__API__PORT": self.url.rpartition(":")[2],
            "ATTUNE__OPERATOR__HEALTH_PORT": self.health_url.rpartition(":")[2],
        }
        log = folder / f"operator-{number}.log"
        super().__init__(f"operator-{number}", ["attune-operator", "run"], {**environment, **ports}, log)

    def leads(self) -> bool:
        """Whether its executor serves, with all in force that is declared."""
        return answers(f"{self.url}/readyz") and answers(f"{self.health_url}/readyz")

    def get(self, path: str) -> Any:
        """The `data` of a GET."""
        return httpx.get(self.url + path, headers=self.headers, timeout=10).raise_for_status().json()["data"]

    def queue(self, action_ref: str) -> Any:
        """An action's queue statistics; None while the action is not known."""
        response = httpx.get(f"{self.url}/api/v1/actions/{action_ref}/queue-stats", headers=self.headers, timeout=10)
        return response.json()["data"] if response.is_success else None

    def submit(self, action_ref: str, count: int = 1, **parameters: Any) -> httpx.Response:
        """Submit executions, whatever is answered."""
        execution = {"action_ref": action_ref, "parameters": parameters}
        body = {"executions": [execution] * count} if count > 1 else execution
        return httpx.post(f"{self.url}/api/v1/executions", json=body, headers=self.headers, timeout=30)

    def cancel(self, execution_id: int) -> httpx.Response:
        """Cancel an execution, whatever is answered."""
        return httpx.post(f"{self.url}/api/v1/executions/{execution_id}/cancel", headers=self.headers, timeout=30)


class Operators:
    """Starts replicas for one namespace; as a context manager ends them all."""

    def __init__(self, folder: Path, kubectl: Kubectl, namespace: str, database_url: str, amqp_url: str) -> None:
        # One context only, since the operator takes whichever is current.
        credentials = kubectl.run("config", "view", "--minify", "--raw", "--flatten", "--output=json")
        self._credentials: dict[str, Any] = json.loads(credentials)
        server: dict[str, Any] = self._credentials["clusters"][0]["cluster"]
        address = urlsplit(str(server["server"]))
        self.api = Cable(address.hostname or "", address.port or 443)
        """The connection between the replicas and the API server."""
        self._folder = folder
        kubeconfig = folder / "kubeconfig"
        self._environment = {
            "KUBECONFIG": str(kubeconfig),
            # The Kubernetes client writes the kubeconfig's certificates to files, which a killed replica leaves behind.
            "TMPDIR": str(folder),
            "ATTUNE__DATABASE__URL": database_url,
            "ATTUNE__MESSAGE_QUEUE__URL": amqp_url,
            "ATTUNE__OPERATOR__NAMESPACE": namespace,
            "ATTUNE__OPERATOR__LEASE_DURATION_SECONDS": str(LEASE_SECONDS),
            "ATTUNE__OPERATOR__RENEW_DEADLINE_SECONDS": "3",
            "ATTUNE__OPERATOR__RETRY_SECONDS": "0.5",
        }
        self._processes: list[HostProcess] = []
        self._token = caller_token(kubectl, namespace)

    def __enter__(self) -> Self:
        self.api.__enter__()
        server = self._credentials["clusters"][0]["cluster"]
        server["server"] = f"https://127.0.0.1:{self.api.port}"
        # The certificate need not know the cable's address.
        server.pop("certificate-authority-data", None)
        server["insecure-skip-tls-verify"] = True
        Path(self._environment["KUBECONFIG"]).write_text(json.dumps(self._credentials))
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.end()
        self.api.__exit__(None, None, None)

    def through(self, gate: ApiGate, **settings: str) -> None:
        """Have the replicas to come reach the API server by another way, with more settings of their section."""
        Path(self._environment["KUBECONFIG"]).write_text(json.dumps(gate.kubeconfig()))
        self._environment |= {f"ATTUNE__OPERATOR__{name.upper()}": value for name, value in settings.items()}

    def replica(self) -> OperatorReplica:
        """Start a replica and wait until it is ready: leading, or standing by."""
        replica = OperatorReplica(len(self._processes), self._environment, self._folder, self._token)
        self._processes.append(replica)
        until(lambda: answers(f"{replica.health_url}/readyz"), _READY_SECONDS, replica)
        return replica

    def leader(self) -> OperatorReplica:
        """Start a replica and wait until it leads."""
        replica = self.replica()
        until(replica.leads, _READY_SECONDS, replica)
        return replica

    def worker(self, pool: str, slots: int = 10, **environment: str) -> HostProcess:
        """Start a worker, with more environment variables."""
        arguments = ["attune-worker", "--pool", pool, "--slots", str(slots), "--health-port", str(free_port())]
        number = len(self._processes)
        variables = {**self._environment, **environment}
        process = HostProcess(f"worker-{number}", arguments, variables, self._folder / f"worker-{number}.log")
        self._processes.append(process)
        return process


def answers(url: str) -> bool:
    """Whether a GET succeeds."""
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.TransportError:
        return False


def until(look: Callable[[], T | None], seconds: float, *processes: HostProcess) -> T:
    """Look until there is something true to see, and return it; fails with the processes' output after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        if seen := look():
            return seen
        if time.monotonic() > deadline:
            logs = "\n".join(f"--- {process.name}\n{process.log()}" for process in processes)
            raise AssertionError(f"not seen within {seconds} s\n{logs}")
        time.sleep(0.02)
