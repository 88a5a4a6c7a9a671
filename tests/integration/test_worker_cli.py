"""What `attune-worker` says, in one line, when it cannot begin."""

import subprocess

import pytest

from integration.worker_process import PROGRAM
from testbed.services.rabbitmq import RabbitMQServer

SECRET = "hunter2"  # noqa: S105 - to be looked for in the output
URL = {"ATTUNE__MESSAGE_QUEUE__URL": f"amqp://user:{SECRET}@127.0.0.1:1/"}


def run(*options: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(  # noqa: S603 - the program under test
        [PROGRAM, *options], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == ""
    assert SECRET not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("options", "environment", "problem"),
    [
        (["--pool", "a"], {}, "message_queue.url is required: set ATTUNE__MESSAGE_QUEUE__URL"),
        ([], URL, "worker.pool is required: set ATTUNE__WORKER__POOL, or the option of that name"),
        (["--pool", "A_b"], URL, "worker.pool: pool is 'A_b': use 1 to 63 lower-case"),
        (["--pool", "a", "--slots", "0"], URL, "worker.slots: Input should be greater than"),
        (["--pool", "a"], {**URL, "ATTUNE__WORKER__SLOT": "3"}, "worker.slot is not a setting: did you mean slots?"),
        (
            ["--pool", "a"],
            {**URL, "ATTUNE__MESSAGE_QUEUE__QUEUE_TYPE": "stream"},
            "message_queue.queue_type: Input should be",
        ),
        (
            ["--pool", "a"],
            {"ATTUNE__MESSAGE_QUEUE__URL": f"http://user:{SECRET}@host"},
            "message_queue.url: not an AMQP URL",
        ),
    ],
)
def test_wrong_configuration_is_named_with_exit_code_2(
    options: list[str], environment: dict[str, str], problem: str
) -> None:
    code, error = run(*options, **environment)
    assert code == 2
    assert error.startswith("attune-worker: ")
    assert problem in error
    assert error.count("\n") == 1


def test_an_unreachable_broker_is_named_with_exit_code_69() -> None:
    code, error = run("--pool", "a", ATTUNE__WORKER__CONNECT_SECONDS="0", **URL)
    assert code == 69
    assert error == (
        "attune-worker: cannot use the broker at 127.0.0.1:1: AMQPConnectionError: [Errno 111] Connection refused;"
        " check that it runs, and message_queue.url\n"
    )


def test_wrong_credentials_are_named(rabbitmq_server: RabbitMQServer) -> None:
    url = f"amqp://attune:{SECRET}@127.0.0.1:{rabbitmq_server.port}/"
    code, error = run("--pool", "a", ATTUNE__WORKER__CONNECT_SECONDS="0", ATTUNE__MESSAGE_QUEUE__URL=url)
    assert code == 69
    assert "refused the user or password: check the URL's credentials" in error


def test_a_worker_waits_a_while_for_a_broker_that_is_not_up_yet() -> None:
    code, error = run("--pool", "a", ATTUNE__WORKER__CONNECT_SECONDS="2", **URL)
    assert code == 69
    assert error.count("cannot connect to the broker yet") >= 1
