"""The broker port on RabbitMQ."""

from attune_executor.adapters.rabbitmq.broker import RabbitMQBroker

__all__ = ["RabbitMQBroker"]
