"""Ways to see that a component is ready: each returns None when it is, and else why not."""

import ssl
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from testbed.cluster.localnode.authority import Identity

Probe = Callable[[], str | None]
SECONDS = 3.0


def http(url: str, *, trusting: Path | None = None, identity: Identity | None = None) -> Probe:
    """Return a probe of an address that answers 200 when ready.

    `trusting` is the authority that the server's certificate must come from; without one the server's identity does not
    matter: it is a component's own self-signed certificate on this machine.
    """

    def look() -> str | None:
        context = ssl.create_default_context(cafile=trusting)
        if trusting is None:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if identity is not None:
            context.load_cert_chain(identity.certificate, identity.key)
        try:
            # A proxy named in the environment has no business between this machine and itself.
            with httpx.Client(verify=context, trust_env=False, timeout=SECONDS) as client:
                answer = client.get(url)
        except httpx.TransportError as error:
            return f"{url}: {error or type(error).__name__}"
        return None if answer.is_success else f"{url}: {answer.status_code} {answer.text[:500]}"

    return look


def command(arguments: Sequence[str]) -> Probe:
    """Return a probe that is satisfied when a command succeeds."""

    def look() -> str | None:
        try:
            done = subprocess.run(arguments, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return f"{arguments[0]} did not answer within {SECONDS:.0f} s"
        return None if done.returncode == 0 else done.stderr.strip()

    return look
