"""Everything is killed once under load, and every guarantee is kept: `make chaos` in a size that fits CI."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from chaos.records import Records
from chaos.run import Plan, Servers, run
from chaos.schedule import Blow
from testbed.services.postgres import PostgresServer
from testbed.services.rabbitmq import RabbitMQServer

SEED = 7
PLAN = Plan(
    seconds=15,
    seed=SEED,
    gap_seconds=1.5,
    change_seconds=8,
    least_strikes=len(Blow),
    pause_seconds=0.1,
)
LEAST_ACCEPTED = 50


@contextmanager
def fresh(postgres: PostgresServer, rabbitmq: RabbitMQServer) -> Generator[Servers]:
    """A database and a virtual host of the test's own: what comes after finds nothing of it."""
    database, vhost = postgres.create_database(), rabbitmq.create_vhost()
    yield Servers(postgres, postgres.database_url(database), rabbitmq, rabbitmq.vhost_url(vhost))
    postgres.drop_database(database)
    rabbitmq.delete_vhost(vhost)


@pytest.mark.timeout(900)  # what was dispatched and never began is found after 300 s at the latest
async def test_every_guarantee_is_kept_while_everything_is_killed(
    postgres_server: PostgresServer, rabbitmq_server: RabbitMQServer, tmp_path: Path
) -> None:
    with fresh(postgres_server, rabbitmq_server) as servers:
        await run(PLAN, servers, tmp_path, Console())
    verdict = Records(tmp_path).judge()
    assert verdict.violations == (), tmp_path
    assert verdict.accepted >= LEAST_ACCEPTED
    assert {blow.split()[0] for blow in verdict.blows if blow.endswith(" kill")} == {
        "executor",
        "worker",
        "postgres",
        "rabbitmq",
    }
    assert verdict.blows["executor resume"] == 1
