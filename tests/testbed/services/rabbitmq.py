"""A RabbitMQ broker of one's own, and a fresh virtual host in it for every test.

Virtual hosts are made through the management plugin's HTTP API: rabbitmqctl would start an Erlang machine
for each.
"""

import secrets
import signal
from urllib.parse import quote

import httpx

from testbed.services.ports import free_port
from testbed.services.program import Description
from testbed.services.runner import choose_runner
from testbed.services.server import Server

HTTP_SECONDS = 60


class RabbitMQServer(Server):
    """RabbitMQ with its management API on loopback ports, administrator `attune` and a password of its own."""

    name = "RabbitMQ"

    def __init__(self) -> None:
        self.port = free_port()
        self.management_port = free_port()
        self._password = secrets.token_urlsafe(24)
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.management_port}/api/",
            auth=("attune", self._password),
            timeout=HTTP_SECONDS,
            trust_env=False,  # a proxy of the environment is not for loopback
        )
        super().__init__(
            choose_runner()(
                Description(
                    name="rabbitmq",
                    script="run-rabbitmq",
                    system_user="rabbitmq",
                    stop_signal=signal.SIGTERM,
                    environment={
                        "SERVICE_PORT": str(self.port),
                        "RABBITMQ_MANAGEMENT_PORT": str(self.management_port),
                        "RABBITMQ_PASSWORD": self._password,
                        "RABBITMQ_NODENAME": f"attune-{self.port}@localhost",
                        "RABBITMQ_DIST_PORT": str(free_port()),
                        "ERL_EPMD_PORT": str(free_port()),
                    },
                    ports=(self.port, self.management_port),
                )
            )
        )

    @property
    def url(self) -> str:
        """The AMQP URL of the default virtual host, with the password."""
        return self.vhost_url("/")

    @property
    def management(self) -> httpx.Client:
        """A client of the management API, logged in; paths are relative to /api/."""
        return self._http

    def vhost_url(self, vhost: str) -> str:
        """Return the AMQP URL of a virtual host, with the password."""
        return f"amqp://attune:{quote(self._password)}@127.0.0.1:{self.port}/{quote(vhost, safe='')}"

    def answers(self) -> bool:
        try:
            # The listener opens last, when everything behind it is up; this asks the broker itself about it.
            return self._http.get(f"health/checks/port-listener/{self.port}").is_success
        except httpx.TransportError:
            return False

    def create_vhost(self) -> str:
        """Create a virtual host with a name of its own, empty, open to `attune`; return its name."""
        name = f"test-{secrets.token_hex(6)}"
        self._http.put(f"vhosts/{name}").raise_for_status()
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self._http.put(f"permissions/{name}/attune", json=everything).raise_for_status()
        return name

    def delete_vhost(self, name: str) -> None:
        """Remove a virtual host with its queues, ending the connections it still has."""
        self._http.delete(f"vhosts/{name}").raise_for_status()

    def discard(self) -> None:
        self._http.close()
        super().discard()
