"""An S3 server for tests, with signatures checked: the package `nanio`, on a free port of loopback."""

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from journeyman.core.errors import UsageError

LAUNCH = """
import socket, sys, uvicorn
from nanio.app import build_app
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
server = uvicorn.Server(uvicorn.Config(build_app(), log_level="error", loop="asyncio", lifespan="on"))
server.run(sockets=[listening])
"""


@dataclass(frozen=True, slots=True)
class S3Server:
    """One that runs. `environ` is what a client of it needs in its environment."""

    data: Path
    environ: dict[str, str]

    def bucket(self) -> str:
        """The address of a new, empty bucket."""
        name = f"bucket-{secrets.token_hex(6)}"
        (self.data / name).mkdir()
        return f"s3://{name}"


@contextmanager
def s3_server() -> Generator[S3Server]:
    key, secret = "test", secrets.token_hex(8)
    with tempfile.TemporaryDirectory(prefix="s3-") as folder:
        environ = {"NANIO_DATA_DIR": folder, "NANIO_ACCESS_KEY": key, "NANIO_SECRET_KEY": secret}
        server = subprocess.Popen(
            [sys.executable, "-c", LAUNCH], stdout=subprocess.PIPE, text=True, env={**os.environ, **environ}
        )
        try:
            assert server.stdout is not None
            address = f"http://127.0.0.1:{int(server.stdout.readline())}"
            _wait(server, address)
            client = {
                "AWS_ENDPOINT_URL": address,
                "AWS_ALLOW_HTTP": "true",
                "AWS_ACCESS_KEY_ID": key,
                "AWS_SECRET_ACCESS_KEY": secret,
                "AWS_REGION": "us-east-1",
            }
            yield S3Server(Path(folder), client)
        finally:
            server.kill()
            server.communicate()


def _wait(server: "subprocess.Popen[str]", address: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(address, trust_env=False)
        except httpx.TransportError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise UsageError("The S3 server for tests does not start.") from None
            time.sleep(0.02)
        else:
            return
