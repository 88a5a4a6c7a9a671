"""Where the broker is: the settings that executor and worker share."""

from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr

from attune_executor.amqp.topology import QueueType
from attune_executor.sections import has_address

_SCHEMES: Final = frozenset({"amqp", "amqps"})


def _amqp_url(url: SecretStr) -> SecretStr:
    if not has_address(url, _SCHEMES) or not urlsplit(url.get_secret_value()).hostname:
        raise ValueError(
            "not an AMQP URL: write amqp://USER:PASSWORD@HOST:5672/VHOST, or amqps:// for TLS, with what is neither"
            " letter nor digit in the password as %XX"
        )
    return url


class MessageQueueSettings(BaseModel):
    """``message_queue``: the URL carries the credentials and is never shown. Default virtual host: ``/``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[SecretStr, AfterValidator(_amqp_url)]
    queue_type: QueueType = QueueType.CLASSIC
