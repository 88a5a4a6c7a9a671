"""kopf watches policies and Deployments on a thread of its own; each event updates a view and nudges a pass.

No handler decides or writes anything: whatever an event brings, the next pass compares the whole, and an event that
never came is made good by the next list.
"""

import asyncio
import threading
from concurrent.futures import Future
from typing import Any, Final

import kopf
import structlog

from attune_operator.controller.controller import Controller, read
from attune_operator.resources import ActionQueuePolicy, WorkerDeployment
from attune_operator.resources.policy import GROUP, PLURAL, VERSION

_log = structlog.get_logger("attune.operator")

_WATCH_SECONDS: Final = 300
_REQUEST_SECONDS: Final = 15
_RESTART_SECONDS: Final = 5.0


class Watcher:
    """A kopf operator for one namespace, embedded.

    Attributes:
        finished: done when the thread has ended.
    """

    def __init__(self, controller: Controller, namespace: str) -> None:
        self._controller = controller
        self._namespace = namespace
        self._stop = threading.Event()
        self.finished: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    async def stop(self) -> None:
        """Stop, and wait until it has."""
        self._stop.set()
        await asyncio.wrap_future(self.finished)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._controller.events_missed.give()
                self._watch()
                self._stop.wait(_RESTART_SECONDS)
        except BaseException as error:  # noqa: BLE001 - whatever ends this thread is raised in the main one
            self.finished.set_exception(error)
        else:
            self.finished.set_result(None)

    def _watch(self) -> None:
        """Run kopf to its end; an API that is away for minutes ends it, and is no reason to end the queues too."""
        try:
            # kopf cancels all tasks of its loop when it ends: the loop must be its own.
            asyncio.run(
                kopf.operator(
                    registry=registry(self._controller),
                    settings=settings(),
                    namespaces=[self._namespace],
                    standalone=True,
                    stop_flag=self._stop,
                )
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, watching begins again, and lists go on meanwhile
            _log.warning("watching ended and begins again", error=str(error) or type(error).__name__)


def settings() -> kopf.OperatorSettings:
    """Kopf's settings for watching only."""
    result = kopf.OperatorSettings()
    result.posting.enabled = False
    # The role is namespaced: neither CRDs nor namespaces can be watched, and both are known.
    result.scanning.disabled = True
    # A watch that the server ends in time is renewed; one that goes silent is noticed.
    result.watching.server_timeout = _WATCH_SECONDS
    result.watching.client_timeout = _WATCH_SECONDS + _REQUEST_SECONDS
    result.watching.connect_timeout = _REQUEST_SECONDS
    result.networking.request_timeout = _REQUEST_SECONDS
    # Nothing is persisted on objects today; if it ever is, then under the project's own names.
    result.persistence.finalizer = f"{GROUP}/operator"
    result.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    result.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP)
    return result


def registry(controller: Controller) -> kopf.OperatorRegistry:
    """The handlers, bound to the controller whose views they fill."""
    result = kopf.OperatorRegistry()

    # The default registry brings these with it; a registry of one's own has to be given them.
    kopf.on.login(registry=result)(kopf.login_with_service_account)
    kopf.on.login(registry=result)(kopf.login_with_kubeconfig)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=result)
    async def policy_seen(event: kopf.RawEvent, **_: Any) -> None:  # pyright: ignore[reportUnusedFunction] - registered
        policy = read(ActionQueuePolicy, event["object"])
        if policy is None:
            return
        if event["type"] == "DELETED":
            controller.policies.forget(policy)
            controller.policies_changed.give()
            return
        known = controller.policies.observe(policy)
        # A status that the reporter wrote comes back as an event too, and changes nothing.
        if known is None or known.metadata.generation != policy.metadata.generation:
            controller.policies_changed.give()

    @kopf.on.event("apps", "v1", "deployments", registry=result)
    async def deployment_seen(event: kopf.RawEvent, **_: Any) -> None:  # pyright: ignore[reportUnusedFunction] - registered
        deployment = read(WorkerDeployment, event["object"])
        if deployment is None:
            return
        if event["type"] == "DELETED":
            controller.deployments.forget(deployment)
        else:
            controller.deployments.observe(deployment)
        controller.load_changed.give()

    return result
