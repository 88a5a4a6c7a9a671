"""How fast Attune is, from outside: real processes, durable PostgreSQL, and other systems beside it in the same run."""
