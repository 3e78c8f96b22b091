"""Where the engine is, and a client of it."""

import functools
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from journeyman.core.errors import JourneymanError, UsageError

if TYPE_CHECKING:
    from temporalio.client import Client
    from temporalio.runtime import Runtime

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Tls:
    """How the engine's server proves itself, and we to it. Certificates and the key are in PEM; None is the system's
    authorities, and no certificate of ours. `domain` is the name on the server's certificate where it is another."""

    authority: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """An engine: its address (host:port), the namespace in it, and how it is reached. An API key needs `tls`."""

    address: str
    namespace: str = "default"
    tls: Tls | None = None
    api_key: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.address if self.namespace == "default" else f"{self.address} (namespace {self.namespace})"


async def connect(where: Where, *, identity: str | None = None, patience: float = 10.0) -> "Client":
    """A client of the engine, with our values on its wire."""
    from temporalio.client import Client
    from temporalio.contrib.pydantic import pydantic_data_converter
    from temporalio.service import GrpcCompression, TLSConfig

    if where.api_key is not None and where.tls is None:
        raise UsageError(f"An API key is not sent to {where.address} without TLS; turn `engine.tls` on.")
    tls = where.tls and TLSConfig(
        server_root_ca_cert=where.tls.authority,
        client_cert=where.tls.certificate,
        client_private_key=where.tls.key,
        domain=where.tls.domain,
    )
    near = where.address.rpartition(":")[0] in LOOPBACK
    try:
        return await Client.connect(
            where.address,
            namespace=where.namespace,
            data_converter=pydantic_data_converter,
            connect_timeout=timedelta(seconds=patience),
            tls=tls or False,
            api_key=where.api_key,
            identity=identity,
            runtime=_runtime(),
            grpc_compression=GrpcCompression.NONE if near else GrpcCompression.GZIP,
        )
    except RuntimeError as error:  # what the client raises when it cannot connect
        raise JourneymanError(f"The engine at {where.address} does not answer: is it running? ({error})") from error


@functools.cache
def _runtime() -> "Runtime":
    """What all clients of a process share. It writes nothing of its own to the terminal but errors."""
    from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

    quiet = LoggingConfig(TelemetryFilter(core_level="ERROR", other_level="ERROR"))
    telemetry = TelemetryConfig(logging=quiet)
    return Runtime(telemetry=telemetry, worker_heartbeat_interval=None, disable_environment_info=True)


@contextmanager
def told(where: Where, task_id: str = "") -> Generator[None]:
    """The engine's errors in words for a person."""
    from temporalio.service import RPCError, RPCStatusCode

    try:
        yield
    except RPCError as error:
        if task_id and error.status == RPCStatusCode.NOT_FOUND:
            raise UsageError(f"The engine at {where.address} is not working on task {task_id}.") from error
        raise JourneymanError(
            f"The engine at {where.address} did not do what it was asked: {error.message}."
        ) from error
