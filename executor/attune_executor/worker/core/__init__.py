"""The actions that every worker has."""

from attune_executor.worker.core.basic import echo, sleep
from attune_executor.worker.core.http import http_get, http_request
from attune_executor.worker.core.shell import shell

__all__ = ["echo", "http_get", "http_request", "shell", "sleep"]
