"""`journeyman serve` as a person starts it, and git repositories that it reaches by their address."""

import asyncio
import re
import signal
import socket
import subprocess
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import Program, git

READY = 60.0
"""Seconds; generous, since the machine may be loaded."""


@dataclass(slots=True)
class Service:
    """A server that is up. `said` is what it printed until then."""

    process: asyncio.subprocess.Process
    address: str
    said: str
    err: str = ""

    async def end(self, number: int = signal.SIGTERM) -> int:
        """Tell it to end, and wait for that; returns the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        _, err = await asyncio.wait_for(self.process.communicate(), READY)
        self.err += err.decode()
        assert "Traceback" not in self.err, self.err
        assert self.process.returncode is not None
        return self.process.returncode


async def start(program: Program, *arguments: str) -> Service:
    process = await program.start("serve", "--port", "0", *arguments)
    assert process.stdout is not None and process.stderr is not None
    said = ""
    while "Ctrl-C ends" not in said:
        line = await asyncio.wait_for(process.stdout.readline(), READY)
        if not line:
            raise AssertionError((await process.stderr.read()).decode())
        said += line.decode()
    found = re.search(r"serves at (\S+)", said)
    assert found is not None, said
    return Service(process, found[1], said)


@asynccontextmanager
async def serving(program: Program, *arguments: str) -> AsyncGenerator[Service]:
    service = await start(program, *arguments)
    try:
        yield service
    finally:
        if service.process.returncode is None:
            await service.end()


@contextmanager
def git_address(folder: Path) -> Generator[str]:
    """An address by which `folder` can be cloned from loopback, by git's own server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where = ("--listen=127.0.0.1", f"--port={port}", f"--base-path={folder.parent}")
    daemon = subprocess.Popen(
        ["git", "daemon", "--export-all", "--reuseaddr", *where, str(folder.parent)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        address = f"git://127.0.0.1:{port}/{folder.name}"
        while subprocess.run(["git", "ls-remote", address], capture_output=True).returncode:
            assert daemon.poll() is None, "git daemon has ended"
        yield address
    finally:
        daemon.terminate()
        daemon.wait()


def head(folder: Path) -> str:
    return git(folder, "rev-parse", "HEAD").strip()
