"""A killer of executor, workers, PostgreSQL and RabbitMQ under load, and a checker of what came of it."""
