"""The way to the executor: which pod's port, which URL, and what its answers mean."""

import pytest

from attune_operator.ctl.errors import EXIT_REFUSED, EXIT_UNREACHABLE, CtlError, NotFoundError, UsageError
from attune_operator.ctl.executor_api import refusal
from attune_operator.ctl.executor_entrance import guarded, target_port

POD = {"metadata": {"name": "pod"}, "spec": {"containers": [{"ports": [{"name": "api", "containerPort": 8099}]}, {}]}}


def service(**port: object) -> dict[str, object]:
    return {"spec": {"ports": [{"port": 8080, **port}]}}


def test_the_port_that_a_service_stands_for() -> None:
    assert target_port(service(), POD) == 8080
    assert target_port(service(targetPort=9000), POD) == 9000
    assert target_port(service(targetPort="api"), POD) == 8099
    with pytest.raises(CtlError, match="no port metrics"):
        target_port(service(targetPort="metrics"), POD)


@pytest.mark.parametrize("url", ["https://attune.example.org/", "http://127.0.0.1:8080", "http://[::1]:8080"])
def test_urls_that_a_token_may_be_sent_to(url: str) -> None:
    assert guarded(url) == url.rstrip("/")


@pytest.mark.parametrize("url", ["http://attune.example.org", "http://10.0.0.1", "attune", "ftp://localhost"])
def test_urls_that_no_token_is_sent_to(url: str) -> None:
    with pytest.raises(UsageError, match="--server"):
        guarded(url)


def test_what_answers_mean() -> None:
    full = refusal(429, {"error": "Queue full (max length: 5)", "code": "queue_full"})
    assert (str(full), full.code) == ("Queue full (max length: 5)", EXIT_REFUSED)
    assert isinstance(refusal(404, {"error": "No execution 7"}), NotFoundError)
    assert refusal(503, {"error": "Not ready"}).code == EXIT_UNREACHABLE
