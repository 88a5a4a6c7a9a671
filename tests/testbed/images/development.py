"""The image of PostgreSQL and RabbitMQ in the Docker daemon of this machine, for tests that run them as containers."""

from functools import cache

from testbed.images.build import build_image
from testbed.images.catalog import SERVICES
from testbed.images.docker import Docker


@cache
def ensure_service_image() -> str:
    """Build the image unless the daemon has it; return its reference."""
    build_image(Docker(), SERVICES)
    return SERVICES.reference
