"""PostgreSQL and RabbitMQ for tests and for development without a cluster."""
