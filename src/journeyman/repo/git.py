"""Git on the host, with nothing of the repository's own configuration in force.

Git runs hooks, filters, monitors, pagers, diff and merge drivers that a repository's `.git/config` names. A repository
is somebody else's work, so git never reads that file here: it gets a git directory of ours (`GIT_DIR`), which borrows
the repository's objects, an environment without anything else in it, and no system or user configuration.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from journeyman.core.errors import RepositoryError
from journeyman.core.text import decode, one_line

SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"
"""Where git is looked for when the caller names no other places."""

TIMEOUT = 600.0
"""Seconds that one git process may take; a pipe in the working tree could otherwise hold it for ever."""


@dataclass(frozen=True, slots=True)
class Completed:
    """The end of a git process."""

    code: int
    out: bytes
    err: bytes

    @property
    def complaint(self) -> str:
        """What git said, as one line that is safe to show."""
        said = [line for line in decode(self.err).splitlines() if not line.startswith(("warning:", "hint:"))]
        return one_line("\n".join(said), 300) or f"git ended with exit code {self.code}"


def find_git(search_path: str, repository: Path) -> Path:
    """The git program. Relative places and places inside the repository are passed over: git there is not ours."""
    for entry in search_path.split(":"):
        folder = Path(entry)
        if not folder.is_absolute() or folder.is_relative_to(repository):
            continue
        candidate = folder / "git"
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    raise RepositoryError("Git is not installed, or not on the PATH; install git and try again.")


@dataclass(frozen=True, slots=True)
class Git:
    """Runs git with the git directory `store`, in an environment of ours."""

    program: Path
    store: Path

    def environment(self, index: Path | None = None, work_tree: Path | None = None) -> dict[str, str]:
        """All that a git process gets to see of the outside."""
        env = {
            "PATH": f"{self.program.parent}:/usr/bin:/bin",
            "HOME": "/nonexistent",
            "LC_ALL": "C",
            "GIT_DIR": str(self.store),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_PAGER": "cat",
        }
        if index is not None:
            env["GIT_INDEX_FILE"] = str(index)
        if work_tree is not None:
            env["GIT_WORK_TREE"] = str(work_tree)
        return env

    async def start(
        self, *args: str | bytes, index: Path | None = None, work_tree: Path | None = None
    ) -> asyncio.subprocess.Process:
        """A git process with pipes; the caller ends it."""
        return await asyncio.create_subprocess_exec(
            self.program,
            *args,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=work_tree or self.store,
            env=self.environment(index, work_tree),
        )

    async def run(
        self,
        *args: str | bytes,
        stdin: bytes = b"",
        index: Path | None = None,
        work_tree: Path | None = None,
        ok: Sequence[int] = (0,),
        doing: str = "",
    ) -> Completed:
        """Run git to its end. An exit code that is not in `ok` is a `RepositoryError` that begins with `doing`."""
        process = await self.start(*args, index=index, work_tree=work_tree)
        try:
            async with asyncio.timeout(TIMEOUT):
                out, err = await process.communicate(stdin)
        except TimeoutError:
            raise RepositoryError(f"{doing or 'Git'} took longer than {TIMEOUT:.0f} s and was stopped.") from None
        finally:
            await end(process)
        done = Completed(process.returncode or 0, out, err)
        if done.code not in ok:
            raise RepositoryError(f"{doing or 'Git'} failed: {done.complaint}")
        return done


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill a process that still runs, and reap it."""
    if process.returncode is None:
        process.kill()
        await process.wait()
