"""The broker port on RabbitMQ, and the intake of requested executions."""

from attune_executor.adapters.rabbitmq.broker import RabbitMQBroker
from attune_executor.adapters.rabbitmq.intake import RequestIntake

__all__ = ["RabbitMQBroker", "RequestIntake"]
