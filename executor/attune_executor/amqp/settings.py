"""Where the broker is: the settings that executor and worker share."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr

from attune_executor.amqp.topology import QueueType


def _amqp_url(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in {"amqp", "amqps"} or not parts.hostname:
        raise ValueError("not an AMQP URL: write amqp://USER:PASSWORD@HOST:5672/VHOST, or amqps:// for TLS")
    return url


class MessageQueueSettings(BaseModel):
    """``message_queue``: the URL carries the credentials and is never shown. Default virtual host: ``/``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[SecretStr, AfterValidator(_amqp_url)]
    queue_type: QueueType = QueueType.CLASSIC
