"""`python -m testbed demo`: the whole path on a real cluster, from nothing."""

import asyncio
from pathlib import Path

import typer
from rich.console import Console

from testbed.attune.callers import caller_token
from testbed.attune.client import Caller
from testbed.attune.cluster_view import WORKERS, ClusterView
from testbed.attune.deployment import NAMESPACE, deploy
from testbed.attune.port_forward import PortForward
from testbed.cluster.choice import choose_provider
from testbed.cluster.provider import Provider
from testbed.demo.scenario import Scenario
from testbed.demo.verdict import Verdict
from testbed.demo.work import Work, hash_own_way, plan
from testbed.progress import step

_POLICIES = Path(__file__).with_name("policies.yaml")
_MINIMUM_WORKERS = 1
_CALLER = "attune-demo"

app = typer.Typer(help="The whole path on a real cluster: policies, bursts, scaling workers, a killed leader.")


@app.callback(invoke_without_command=True)
def demo() -> None:
    """Bring up what is missing, run the demo, check every result, and leave the cluster up to look around."""
    console = Console()
    provider = choose_provider()
    provider.up()
    deploy(provider, NAMESPACE)
    view = ClusterView(provider.kubectl(), NAMESPACE)
    with step("Declare three ActionQueuePolicies"):
        view.run("apply", "--filename", str(_POLICIES))
        view.run("rollout", "status", f"deployment/{WORKERS}", "--timeout=120s", timeout=150)
    with step("Hash the standard library in a worker's image, to compare with"):
        work = plan(hash_own_way(view.kubectl, NAMESPACE, WORKERS))
    console.print(f"{len(work.wanted)} executions in bursts; columns are queued, running, done, oldest wait")
    verdict = asyncio.run(_run(view, work, console))
    # As kubectl prints it: not wrapped to a width, not coloured.
    print(view.run("get", "actionqueuepolicies"), view.run("describe", "actionqueuepolicies"), sep="\n")
    _say_how_to_look_around(console, provider)
    print(verdict.line())
    if not verdict.good(_MINIMUM_WORKERS):
        raise typer.Exit(1)


async def _run(view: ClusterView, work: Work, console: Console) -> Verdict:
    with PortForward(view.kubectl, view.namespace, "service/attune-executor", 8080) as forward:
        caller = Caller(forward, caller_token(view.kubectl, view.namespace, _CALLER))
        try:
            return await Scenario(view, caller, console, _MINIMUM_WORKERS).run(work)
        finally:
            await caller.close()


def _say_how_to_look_around(console: Console, provider: Provider) -> None:
    kubectl = provider.kubectl().program
    console.print(
        "The cluster is still up. Look around, then take it down:",
        f"  export KUBECONFIG={provider.kubeconfig}",
        f"  {kubectl} --namespace {NAMESPACE} get aqp --watch",
        f"  {kubectl} --namespace {NAMESPACE} port-forward service/attune-executor 8080",
        f'  TOKEN="$({kubectl} --namespace {NAMESPACE} create token {_CALLER})"',
        '  curl -H "Authorization: Bearer $TOKEN" http://localhost:8080/api/v1/actions/core.shell/queue-stats',
        "  make cluster-down",
        sep="\n",
        soft_wrap=True,
    )
