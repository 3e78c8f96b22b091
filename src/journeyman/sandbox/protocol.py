"""The protocol of every sandbox backend, and the values around it."""

import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

OnOutput = Callable[[bytes], Awaitable[None] | None]

GATEWAY_PORT = 3128
"""Where a gateway listens on the loopback of the sandbox."""
AUTHORITY = "/run/journeyman/authority.pem"
"""Where the certificates that a gateway wants trusted lie inside."""
TRUST_STORE = "/run/journeyman/authority.p12"
"""Where they lie for Java, which reads no PEM."""


@dataclass(frozen=True, slots=True)
class ExecResult:
    """The end of a command.

    `exit_code` is None when the sandbox cut it, and `cut` says by which limit: "time", "output", "memory", "disk",
    "cpu" or "gone" (the sandbox died). A signal is 128 + its number. `output` is stdout and stderr as they came, at
    most `keep` bytes: head and tail, with `dropped` bytes missing between them. `notes` are sentences about limits
    that the command ran into without being cut: processes, open files, memory of a single process.
    """

    exit_code: int | None
    output: bytes
    seconds: float
    cut: str | None = None
    dropped: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Poll:
    """What a session has to say since it was last asked: its new output, with `dropped` bytes missing in the middle,
    and, once it has ended, its exit code or by which limit it was `cut`, and `notes`, as in `ExecResult`."""

    output: bytes
    dropped: int = 0
    ended: bool = False
    exit_code: int | None = None
    cut: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a directory of the workspace; `size` is bytes, and only a file's tells anything."""

    name: str
    kind: Literal["file", "directory", "link", "other"]
    size: int
    executable: bool = False


class Gateway(Protocol):
    """The only way out of a sandbox's network namespace.

    `env` is what commands see of it (the proxy variables), `authority` a file of the host with certificates that is
    readable inside as `AUTHORITY`, if there is one. A file beside it with the suffix .p12 is readable as
    `TRUST_STORE`.
    """

    @property
    def env(self) -> Mapping[str, str]: ...

    @property
    def authority(self) -> Path | None: ...

    async def serve(self, listener: socket.socket) -> None:
        """Answer connections on `listener`, a TCP socket that listens on port `GATEWAY_PORT` of the loopback inside,
        until cancelled. The caller closes it."""
        ...


def certificates(gateway: Gateway | None) -> list[tuple[Path, str]]:
    """The files that a gateway wants shown, and where."""
    if gateway is None or gateway.authority is None:
        return []
    store = gateway.authority.with_suffix(".p12")
    return [(gateway.authority, AUTHORITY), *([(store, TRUST_STORE)] if store.is_file() else [])]


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A directory tree of the host that is readable inside under its own path, and what it adds to PATH."""

    root: Path
    bin: tuple[Path, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """What a sandbox is made of.

    `workspace` is the path inside (the repository's own path on the host). `lower` are directories of the host, the
    topmost first (mounted with `userxattr`, so an opaque directory carries `user.overlay.opaque`), that are seen there
    read-only; writes go to `upper`, a directory that the sandbox owns and that
    survives `close`, so that opening the same `upper` again goes on where it was. `upper=None` is a scratch layer in
    memory that is gone at `close`. `read_only` refuses all writes in the workspace. `readable` are paths of the host
    that are readable inside under their own path (git's object stores).

    The home directory is made the same way of `home_lower` and `home_upper`, but is always writable. Without a
    `gateway` there is no network. `image` names a container image that takes the place of the host's system, for
    backends that have images. `cpus` is how many processors all commands may use together, `cpu_seconds` the
    processor time of each process; None is no limit.
    """

    workspace: Path
    lower: tuple[Path, ...]
    upper: Path | None = None
    read_only: bool = False
    toolchains: tuple[Toolchain, ...] = ()
    readable: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    memory_bytes: int = 4 * 1024**3
    processes: int = 512
    disk_bytes: int = 8 * 1024**3
    home_lower: tuple[Path, ...] = ()
    home_upper: Path | None = None
    gateway: Gateway | None = None
    image: str | None = None
    cpus: float | None = None
    cpu_seconds: int | None = None
    open_files: int = 8192


@dataclass(frozen=True, slots=True)
class FileChange:
    """A path, relative to the workspace, that the upper layer changed.

    A "write" takes the place of whatever was there, be it a directory, and its parents are directories. A deleted
    directory is one entry; one that was deleted and made anew is a "delete" before its "write"s.
    """

    path: bytes
    kind: Literal["write", "delete"]


class Session(Protocol):
    """A command that is talked to while it runs. It goes on until it ends, is killed or the sandbox closes."""

    async def write(self, data: bytes) -> None:
        """Give it input; on a terminal, `\\x03` is Ctrl-C and `\\x04` the end of input. Raises `ToolError` once it
        has ended."""
        ...

    async def end_input(self) -> None:
        """Close its input. On a terminal that is `\\x04`."""
        ...

    async def resize(self, rows: int, columns: int) -> None:
        """Change the size of its terminal, which it is told by SIGWINCH. Nothing happens without a terminal."""
        ...

    async def poll(self, seconds: float, *, keep: int = 1024 * 1024) -> Poll:
        """Wait until it has ended, at most `seconds`; what it wrote meanwhile and before, at most `keep` bytes."""
        ...

    async def kill(self) -> None:
        """End it with all its descendants."""
        ...


class Changes(Protocol):
    """What was changed in a workspace, read from the host's side."""

    @property
    def remarks(self) -> Sequence[str]:
        """What the last `diff` left out (FIFOs, devices), in sentences."""
        ...

    async def diff(self) -> tuple[FileChange, ...]:
        """What the upper layer holds, deletes first, without `.git`: from the host's side, whatever is said inside."""
        ...

    async def read_change(self, path: bytes, *, limit: int = 256 * 1024 * 1024) -> tuple[int, bytes]:
        """Git's mode (0o100644, 0o100755 or 0o120000) and the bytes (or link target) of a "write" of `diff`, read
        from the host's side. Raises `SandboxError` for anything that is not a file or a link, or is over `limit`."""
        ...


class Sandbox(Changes, Protocol):
    """One open sandbox. Commands may run side by side; files and servers of one are there for the next.

    A command is an argv, or a text that `bash -c` (`sh -c` where there is no bash) runs.
    """

    @property
    def backend(self) -> str: ...

    async def exec(
        self,
        command: Sequence[str] | str,
        *,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        stdin: bytes | int = b"",
        errors: int | None = None,
        timeout: float,
        output_limit: int = 64 * 1024 * 1024,
        keep: int = 1024 * 1024,
        on_output: OnOutput | None = None,
    ) -> ExecResult:
        """Run `command` in `cwd` (relative to the workspace). `timeout` is seconds; the whole process tree is killed
        at the end of it, and when more than `output_limit` bytes were written. `on_output` is given everything that
        was written up to then, also what is not kept. `stdin` may be the reading end of a pipe made for it, and
        `errors` the writing end of one that takes stderr, apart from the output; both stay the caller's to close."""
        ...

    async def start(
        self,
        command: Sequence[str] | str,
        *,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        terminal: tuple[int, int] | None = None,
        stdin: bool = True,
        timeout: float,
        output_limit: int = 64 * 1024 * 1024,
        on_output: OnOutput | None = None,
    ) -> Session:
        """Start `command` and come back at once. `terminal` gives it one of so many rows and columns; else it has
        pipes, but for its input, which is empty, when there is to be no `stdin`. Limits are those of `exec`."""
        ...

    async def read(self, path: str, *, limit: int = 16 * 1024 * 1024) -> bytes:
        """The bytes of a regular file in the workspace. Raises `ToolError` in words: missing, a directory, too large,
        not below the workspace."""
        ...

    async def write(self, path: str, data: bytes, *, executable: bool | None = None) -> None:
        """Replace or create a file, parents included, never through a symlink that leaves the workspace.
        `executable` None keeps the mode."""
        ...

    async def remove(self, path: str) -> None: ...

    async def list(self, path: str = "", *, limit: int = 10_000) -> tuple[Entry, ...]:
        """What a directory of the workspace holds, by name, at most `limit` entries. Raises `ToolError` in words."""
        ...

    async def snapshot(self, folder: Path) -> None:
        """Copy what was written so far into the new directory `folder` of the host: the workspace's upper layer as
        `workspace`, the home directory's as `home`. Both can be lower layers of other sandboxes. Raises
        `SandboxError` when it cannot be read or written whole; then there is no `folder`."""
        ...

    async def restore(self, folder: Path) -> None:
        """End all commands and make workspace and home what they were at the `snapshot` in `folder`."""
        ...

    async def close(self) -> None: ...


class SandboxBackend(Protocol):
    """Opens sandboxes of one kind."""

    name: str

    def probe(self) -> list[str]:
        """What is missing on this machine, as sentences that say how to get it; empty when it works."""
        ...

    async def identify(self, image: str) -> str:
        """What tells the content of a container image from any other, fetched where this machine does not have it.
        Raises `SandboxUnavailable` where there are no images."""
        ...

    def open(self, spec: SandboxSpec) -> AbstractAsyncContextManager[Sandbox]: ...
