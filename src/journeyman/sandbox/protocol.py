"""The protocol of every sandbox backend, and the values around it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

OnOutput = Callable[[bytes], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class ExecResult:
    """The end of a command.

    `exit_code` is None when the sandbox cut it, and `cut` says by which limit: "time", "output", "memory", "disk" or
    "gone" (the sandbox died). A signal is 128 + its number. `output` is stdout and stderr as they came, at most
    `keep` bytes: head and tail, with `dropped` bytes missing between them.
    """

    exit_code: int | None
    output: bytes
    seconds: float
    cut: str | None = None
    dropped: int = 0


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


@dataclass(frozen=True, slots=True)
class FileChange:
    """A path, relative to the workspace, that the upper layer changed.

    A "write" takes the place of whatever was there, be it a directory, and its parents are directories. A deleted
    directory is one entry; one that was deleted and made anew is a "delete" before its "write"s.
    """

    path: bytes
    kind: Literal["write", "delete"]


class Sandbox(Protocol):
    """One open sandbox. Commands may run side by side; files and servers of one are there for the next."""

    @property
    def backend(self) -> str: ...

    @property
    def remarks(self) -> Sequence[str]:
        """What the last `changes` left out (FIFOs, devices), in sentences."""
        ...

    async def exec(
        self,
        argv: Sequence[str],
        *,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float,
        output_limit: int = 64 * 1024 * 1024,
        keep: int = 1024 * 1024,
        on_output: OnOutput | None = None,
    ) -> ExecResult:
        """Run `argv` in `cwd` (relative to the workspace). `timeout` is seconds; the whole process tree is killed at
        the end of it, and when more than `output_limit` bytes were written."""
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

    async def changes(self) -> list[FileChange]:
        """What the upper layer holds, deletes first, without `.git`: from the host's side, whatever is said inside."""
        ...

    async def read_change(self, path: bytes, *, limit: int = 256 * 1024 * 1024) -> tuple[int, bytes]:
        """Git's mode (0o100644, 0o100755 or 0o120000) and the bytes (or link target) of a "write" of `changes`, read
        from the host's side. Raises `SandboxError` for anything that is not a file or a link, or is over `limit`."""
        ...

    async def close(self) -> None: ...


class SandboxBackend(Protocol):
    """Opens sandboxes of one kind."""

    name: str

    def probe(self) -> list[str]:
        """What is missing on this machine, as sentences that say how to get it; empty when it works."""
        ...

    def open(self, spec: SandboxSpec) -> AbstractAsyncContextManager[Sandbox]: ...
