"""Writes the ExecutorConfig's status: when it changed, and not more often than need be."""

from datetime import UTC, datetime
from time import monotonic

import structlog

from attune_operator.cluster import Cluster, ClusterError, NotFoundError
from attune_operator.controller.configuration import Configuration
from attune_operator.controller.enforcement import Enforcement
from attune_operator.controller.events import EventRecorder
from attune_operator.controller.measurements import Measurements
from attune_operator.controller.ports import Queues
from attune_operator.resources.config import CONFIG_KIND
from attune_operator.status import ConfigObservation, build_config_status, config_transitions, status_patch

_log = structlog.get_logger("attune.status")


class ConfigReporter:
    """Keeps the status up to date."""

    def __init__(
        self,
        cluster: Cluster,
        configuration: Configuration,
        enforcement: Enforcement,
        queues: Queues,
        events: EventRecorder,
        interval_seconds: float,
    ) -> None:
        self._cluster = cluster
        self._configuration = configuration
        self._enforcement = enforcement
        self._queues = queues
        self._events = events
        self._interval_seconds = interval_seconds
        self._written = 0.0

    async def run(self, measurements: Measurements) -> None:
        """One pass: write what differs, unless something was written within the interval."""
        config = self._configuration.current
        if config is None or monotonic() - self._written < self._interval_seconds:
            return
        observation = ConfigObservation(
            config=config,
            wanted=self._configuration.wanted,
            followed=self._configuration.followed,
            executor=measurements.distrust,
            ownerships=self._queues.ownerships(),
            policies=len(self._enforcement.rule.in_force),
            stats=tuple(measurements.stats.values()),
        )
        status = build_config_status(observation, datetime.now(UTC))
        if status == config.status:
            return
        self._written = monotonic()
        try:
            written = await self._cluster.patch_config_status(config.metadata.key, status_patch(status))
        except NotFoundError:
            _log.debug("the configuration is gone", name=str(config.metadata.key))
        except ClusterError as error:
            _log.warning("a status was not written", name=str(config.metadata.key), error=str(error))
        else:
            self._configuration.current = written
            await self._events.record(CONFIG_KIND, config.metadata, config_transitions(config.status, status))
