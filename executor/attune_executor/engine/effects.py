"""What a committed turn does at the broker: workers are told, executions published, reports acknowledged."""

from collections.abc import Mapping, Sequence

import structlog

from attune_executor.domain.turn_draft import TurnDecision
from attune_executor.engine.dispatcher import Dispatcher
from attune_executor.ports.broker import Broker, BrokerError, Cancel, Dispatch, WorkerReport

_log = structlog.get_logger("attune.engine")


class Effects:
    """Carries out what was decided. Nothing here is lost for good where it fails: it is repeated, or not needed."""

    def __init__(self, broker: Broker, dispatcher: Dispatcher) -> None:
        self._broker = broker
        self._dispatcher = dispatcher

    def publish(self, decision: TurnDecision, parameters: Mapping[int, bytes]) -> Sequence[int]:
        """Tell workers what to stop, and hand the dispatches over to be published.

        Args:
            decision: what was committed.
            parameters: of the executions that the decision hands over without, as the commit returned them.

        Returns:
            The executions of which there is nothing to publish: the commit found them ended.
        """
        self._dispatcher.cancel([Cancel(*order) for order in decision.cancels])
        dispatches: list[tuple[int, Dispatch]] = []
        ended: list[int] = []
        for handoff in decision.handoffs:
            payload = parameters.get(handoff.execution_id) if handoff.parameters is None else handoff.parameters
            if payload is None:
                ended.append(handoff.execution_id)
                continue
            dispatches.append(
                (
                    handoff.publish_order,
                    Dispatch(
                        handoff.execution_id,
                        handoff.action_ref,
                        handoff.attempt,
                        handoff.pool,
                        payload,
                        handoff.timeout_seconds,
                        handoff.at_most_once,
                        handoff.expected_seconds,
                    ),
                )
            )
        self._dispatcher.enqueue(dispatches)
        return ended

    async def acknowledge(self, reports: Sequence[WorkerReport]) -> None:
        """What the reports say is durable: the broker need not deliver them again."""
        if not reports:
            return
        try:
            await self._broker.acknowledge(reports[-1].mark)
        except BrokerError as error:
            # The broker delivers them again, and applying them again changes nothing.
            _log.warning("reports not acknowledged", reason=str(error))

    async def call_roll(self) -> None:
        """Ask the workers what they hold."""
        try:
            await self._broker.call_roll()
        except BrokerError as error:
            _log.warning("roll not called", reason=str(error))
