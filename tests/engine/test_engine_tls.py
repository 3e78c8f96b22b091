"""An engine that is reached by TLS, as a cluster's or Temporal Cloud's is."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from journeyman.cli.crew import where_of
from journeyman.cli.door import open_door
from journeyman.core.errors import JourneymanError, UsageError
from journeyman.engine.connection import Tls, Where, connect

NAME = "engine.test"


@dataclass(frozen=True)
class Papers:
    """A certificate that is its own authority, with its key, in PEM."""

    certificate: bytes
    key: bytes

    @classmethod
    def of(cls, name: str) -> "Papers":
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return cls(made.public_bytes(Encoding.PEM), private)

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        certificate.write_bytes(self.certificate)
        key.write_bytes(self.key)
        return certificate, key


@asynccontextmanager
async def behind_tls(where: Where, folder: Path, server: Papers, clients: Papers) -> AsyncGenerator[str]:
    """The address of something that speaks TLS, asks for a certificate, and passes everything on to `where`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*server.write(folder, "server"))
    context.load_verify_locations(cadata=clients.certificate.decode())
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    host, _, port = where.address.partition(":")

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # one of them has gone, and so does the other
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()


async def test_both_sides_prove_who_they_are(where: Where, tmp_path: Path) -> None:
    server, ours, theirs = Papers.of(NAME), Papers.of("worker.test"), Papers.of(NAME)
    async with behind_tls(where, tmp_path, server, ours) as address:
        tls = Tls(server.certificate, ours.certificate, ours.key, NAME)
        client = await connect(Where(address, tls=tls, api_key="secret"), patience=20.0)
        assert await client.service_client.check_health()
        with pytest.raises(JourneymanError, match="does not answer"):
            await connect(Where(address, tls=Tls(server.certificate, domain=NAME)), patience=5.0)
        with pytest.raises(JourneymanError, match="does not answer"):
            await connect(Where(address, tls=Tls(theirs.certificate, ours.certificate, ours.key, NAME)), patience=5.0)
        with pytest.raises(JourneymanError, match="does not answer"):
            await connect(Where(address), patience=5.0)


def test_settings_say_where_the_engine_is(tmp_path: Path) -> None:
    ours = Papers.of("worker.test")
    certificate, key = ours.write(tmp_path, "worker")
    environ = {"JOURNEYMAN_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "CLOUD_KEY": "secret"}
    temporal: dict[str, object] = {"address": "cloud.test:7233", "namespace": "shop.a1"}

    def settings(**more: object) -> Where | None:
        return where_of(open_door(tmp_path, {"temporal": temporal | more}, environ))

    assert where_of(open_door(tmp_path, {}, environ)) is None
    assert settings() == Where("cloud.test:7233", "shop.a1")
    assert settings(api_key_env="CLOUD_KEY") == Where("cloud.test:7233", "shop.a1", Tls(), "secret")
    files = {"cert_file": str(certificate), "key_file": str(key)}
    assert settings(**files) == Where("cloud.test:7233", "shop.a1", Tls(None, ours.certificate, ours.key))
    with pytest.raises(UsageError, match="The variable NOT_SET with the engine's API key is not set"):
        settings(api_key_env="NOT_SET")
    with pytest.raises(UsageError, match="A certificate needs its key"):
        settings(cert_file=str(certificate))
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        settings(ca_file=str(tmp_path / "nothing.pem"))
