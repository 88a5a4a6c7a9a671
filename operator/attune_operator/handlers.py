"""kopf watches policies and Deployments on a thread of its own; each event updates a view and nudges a pass.

No handler decides or writes anything: whatever an event brings, the next pass compares the whole, and an event that
never came is made good by the next list.
"""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Final

import kopf
import structlog

from attune_operator.controller.controller import Controller
from attune_operator.controller.inventory import read
from attune_operator.pacing import WATCH_PAUSE_SECONDS, paced_session
from attune_operator.resources import ActionQueuePolicy, WorkerDeployment
from attune_operator.resources.policy import GROUP, PLURAL, VERSION

_log = structlog.get_logger("attune.operator")

_WATCH_SECONDS: Final = 300
_REQUEST_SECONDS: Final = 15
_RESTART_SECONDS: Final = 5.0


class Watcher:
    """A kopf operator for the readable namespaces, embedded; begins again when those have changed.

    Attributes:
        finished: done when the thread has ended.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._stop = threading.Event()
        self._begin_again = threading.Event()
        controller.inventory.on_readable_change(self._begin_again.set)
        self.finished: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    async def stop(self) -> None:
        """Stop, and wait until it has."""
        self._stop.set()
        self._begin_again.set()
        await asyncio.wrap_future(self.finished)

    def _run(self) -> None:
        try:
            while True:
                self._begin_again.clear()
                if self._stop.is_set():
                    break
                self._controller.events_missed.give()
                self._watch(self._controller.inventory.readable)
                self._stop.wait(_RESTART_SECONDS)
        except BaseException as error:  # noqa: BLE001 - whatever ends this thread is raised in the main one
            self.finished.set_exception(error)
        else:
            self.finished.set_result(None)

    def _watch(self, namespaces: Sequence[str | None]) -> None:
        """Run kopf to its end; an API that is away for minutes ends it, and is no reason to end the queues too."""
        try:
            # kopf cancels all tasks of its loop when it ends: the loop must be its own.
            asyncio.run(
                kopf.operator(
                    registry=registry(self._controller),
                    settings=settings(),
                    clusterwide=None in namespaces,
                    namespaces=[namespace for namespace in namespaces if namespace is not None],
                    standalone=True,
                    stop_flag=self._begin_again,
                )
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, watching begins again, and lists go on meanwhile
            _log.warning("watching ended and begins again", error=str(error) or type(error).__name__)


def settings() -> kopf.OperatorSettings:
    """Kopf's settings for watching only."""
    result = kopf.OperatorSettings()
    result.posting.enabled = False
    # The operator's roles let it watch neither CRDs nor namespaces, and both are known.
    result.scanning.disabled = True
    # A watch that the server ends in time is renewed; one that goes silent is noticed.
    result.watching.server_timeout = _WATCH_SECONDS
    result.watching.client_timeout = _WATCH_SECONDS + _REQUEST_SECONDS
    result.watching.connect_timeout = _REQUEST_SECONDS
    # Between an answer of 410 Gone and the list that follows it.
    result.watching.reconnect_backoff = WATCH_PAUSE_SECONDS
    result.networking.request_timeout = _REQUEST_SECONDS
    # Nothing is persisted on objects today; if it ever is, then under the project's own names.
    result.persistence.finalizer = f"{GROUP}/operator"
    result.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    result.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP)
    return result


def registry(controller: Controller) -> kopf.OperatorRegistry:
    """The handlers, bound to the controller whose views they fill."""
    result = kopf.OperatorRegistry()

    kopf.on.login(registry=result)(_log_in)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=result)
    async def policy_seen(event: kopf.RawEvent, **_: Any) -> None:  # pyright: ignore[reportUnusedFunction] - registered
        policy = read(ActionQueuePolicy, event["object"])
        if policy is None:
            return
        if event["type"] == "DELETED":
            controller.inventory.policies.forget(policy)
            controller.policies_changed.give()
            return
        known = controller.inventory.policies.observe(policy)
        # A status that the reporter wrote comes back as an event too, and changes nothing.
        if known is None or known.metadata.generation != policy.metadata.generation:
            controller.policies_changed.give()

    @kopf.on.event("apps", "v1", "deployments", registry=result)
    async def deployment_seen(event: kopf.RawEvent, **_: Any) -> None:  # pyright: ignore[reportUnusedFunction] - registered
        deployment = read(WorkerDeployment, event["object"])
        if deployment is None:
            return
        if event["type"] == "DELETED":
            controller.inventory.deployments.forget(deployment)
            controller.load_changed.give()
            return
        known = controller.inventory.deployments.observe(deployment)
        # In a whole cluster some Deployment changes all the time, and seldom in what scaling looks at.
        if known is None or (known.spec, known.status) != (deployment.spec, deployment.status):
            controller.load_changed.give()

    return result


async def _log_in(**arguments: Any) -> kopf.AiohttpSession:
    info = kopf.login_with_service_account(**arguments) or kopf.login_with_kubeconfig(**arguments)
    if info is None:
        raise kopf.LoginError("neither a service account nor KUBECONFIG says how to reach the Kubernetes API")
    return paced_session(info)
