"""The API over TLS: real handshakes, and a certificate that is replaced while it serves."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from attune_executor.adapters.everybody_here import EverybodyHere
from attune_executor.api.app import create_api
from attune_executor.api.certificate import CertificateError, ServedCertificate
from attune_executor.api.server import ApiServer
from attune_executor.api.service import AbsentHistory, AbsentService
from attune_executor.api.settings import ApiSettings, ApiTlsSettings
from testbed.cluster.localnode.authority import Authority
from testbed.services.ports import free_port

FOLLOWED_SECONDS = 60.0


@dataclass(frozen=True)
class Pair:
    """The files that the server reads, and what writes them."""

    files: ApiTlsSettings
    authority: Authority

    def renew(self, name: str) -> None:
        identity = self.authority.issue(name, name, serves=["127.0.0.1"])
        self.files.key_file.write_bytes(identity.key.read_bytes())
        self.files.certificate_file.write_bytes(identity.certificate.read_bytes())


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    files = ApiTlsSettings(certificate_file=tmp_path / "tls.crt", key_file=tmp_path / "tls.key")
    pair = Pair(files, Authority("authority", tmp_path / "authority"))
    pair.renew("first")
    return pair


@pytest.fixture
async def port(pair: Pair) -> AsyncIterator[int]:
    settings = ApiSettings(port=free_port(), tls=pair.files)
    api = create_api(AbsentService(), settings, history=AbsentHistory(), authorizer=EverybodyHere())
    server = ApiServer(api, settings.host, settings.port, ServedCertificate(pair.files))
    await server.start()
    yield settings.port
    await server.stop()


def trusting(pair: Pair) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=pair.authority.certificate)


async def serial(pair: Pair, port: int) -> str:
    """The serial number of the certificate that a new connection is shown."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(pair))
    shown = writer.get_extra_info("peercert")
    writer.close()
    await writer.wait_closed()
    return str(shown["serialNumber"])


async def until_another(pair: Pair, port: int, before: str) -> str:
    async with asyncio.timeout(FOLLOWED_SECONDS):
        while (now := await serial(pair, port)) == before:
            await asyncio.sleep(0.1)
    return now


async def test_it_answers_over_tls_alone(pair: Pair, port: int) -> None:
    async with httpx.AsyncClient(verify=trusting(pair)) as client:
        assert (await client.get(f"https://127.0.0.1:{port}/openapi.json")).status_code == 200
    async with httpx.AsyncClient() as plain:
        with pytest.raises(httpx.TransportError):
            await plain.get(f"http://127.0.0.1:{port}/openapi.json")


async def test_old_protocols_are_refused(pair: Pair, port: int) -> None:
    context = trusting(pair)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", port, ssl=context)


async def test_a_new_certificate_is_served_without_a_restart(pair: Pair, port: int) -> None:
    async with httpx.AsyncClient(verify=trusting(pair)) as client:
        assert (await client.get(f"https://127.0.0.1:{port}/openapi.json")).status_code == 200
        before = await serial(pair, port)
        pair.renew("second")
        await until_another(pair, port, before)
        # The connection that was open goes on.
        assert (await client.get(f"https://127.0.0.1:{port}/openapi.json")).status_code == 200


async def test_half_a_pair_is_not_served(pair: Pair, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    before = await serial(pair, port)
    other = pair.authority.issue("third", "third", serves=["127.0.0.1"])
    pair.files.certificate_file.write_bytes(other.certificate.read_bytes())
    said = ""
    async with asyncio.timeout(FOLLOWED_SECONDS):
        while "certificate refused" not in said:
            await asyncio.sleep(0.1)
            said += capsys.readouterr().out
    assert await serial(pair, port) == before
    pair.files.key_file.write_bytes(other.key.read_bytes())
    await until_another(pair, port, before)


def test_nothing_to_begin_with_is_an_error(tmp_path: Path) -> None:
    files = ApiTlsSettings(certificate_file=tmp_path / "none.crt", key_file=tmp_path / "none.key")
    with pytest.raises(CertificateError, match=r"api\.tls: cannot use .*none\.crt"):
        ServedCertificate(files)
