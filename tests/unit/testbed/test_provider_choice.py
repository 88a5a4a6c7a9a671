"""Which provider of a cluster is used: the one that is named wins, and a kubeconfig names one."""

from pathlib import Path

import pytest

from testbed.cluster import kind_program
from testbed.cluster.choice import KUBECONFIG_VARIABLE, PROVIDER_VARIABLE, choose_provider
from testbed.cluster.errors import ClusterError


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(PROVIDER_VARIABLE, raising=False)
    monkeypatch.delenv(KUBECONFIG_VARIABLE, raising=False)


def _docker_says(monkeypatch: pytest.MonkeyPatch, obstacle: str | None) -> None:
    monkeypatch.setattr(kind_program, "obstacle", lambda: obstacle)


def test_kind_where_docker_can_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _docker_says(monkeypatch, None)
    assert choose_provider().name == "kind"


def test_else_the_local_node_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _docker_says(monkeypatch, "there is no docker program")
    assert choose_provider().name == "localnode"
    assert "there is no docker program" in capsys.readouterr().err


def test_a_kubeconfig_means_an_existing_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_provider(kubeconfig=tmp_path / "theirs").kubeconfig == tmp_path / "theirs"
    monkeypatch.setenv(KUBECONFIG_VARIABLE, str(tmp_path / "named"))
    chosen = choose_provider()
    assert (chosen.name, chosen.kubeconfig) == ("existing", tmp_path / "named")


def test_a_named_provider_wins_over_what_could_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _docker_says(monkeypatch, None)
    monkeypatch.setenv(PROVIDER_VARIABLE, "localnode")
    assert choose_provider().name == "localnode"
    assert choose_provider("kind", tmp_path / "ignored").name == "kind"


def test_the_cluster_that_is_there_goes_on_being_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _docker_says(monkeypatch, "nothing may ask Docker")
    kubeconfig = tmp_path / "attune" / "kind" / "kubeconfig"
    kubeconfig.parent.mkdir(parents=True)
    kubeconfig.touch()
    assert choose_provider().name == "kind"
    (tmp_path / "attune" / "localnode").mkdir()
    assert choose_provider().name == "localnode"


def test_unknown_and_incomplete_choices_say_what_to_do() -> None:
    with pytest.raises(ClusterError, match="choose one of existing, kind, localnode"):
        choose_provider("minikube")
    with pytest.raises(ClusterError, match="--kubeconfig"):
        choose_provider("existing")
