"""A folder's state for a server that cannot see the folder: an address, a commit there, and the rest as a patch."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from journeyman.attempt.clones import is_address
from journeyman.cli.door import Door
from journeyman.core.errors import UsageError
from journeyman.core.task import Base
from journeyman.core.text import counted, one_line, plain
from journeyman.repo.git_dir import GitDir
from journeyman.repo.repository import Repository, open_repository

_PASSWORD = re.compile(r"(https?://)[^/@\s]*@")


@dataclass(frozen=True, slots=True)
class Start:
    """Where work starts that is done elsewhere: `ref` is a commit of `repository` (an address), `diff` is laid over it.

    `words` say to a person what it is made of.
    """

    repository: str
    ref: str
    diff: bytes
    words: tuple[str, ...]


async def start_of(directory: Path, door: Door, ref: str | None = None) -> Start:
    """The state of the folder's repository: its working tree, or the commit `ref`.

    The commit is the newest one that the remote is known to have (as of the last fetch or push); what is committed
    behind it, changed or new goes into the patch. Raises `UsageError` where there is no remote to start from.
    """
    repository = await open_repository(directory, door.state, excludes=door.excludes)
    name, address = remote_of(repository.place)
    base = await repository.snapshot(ref)
    if base.commit is None:
        raise UsageError("The repository has no commit yet, so a server elsewhere has nothing to start from.")
    commit, ahead = await _known(repository, name, base.commit)
    _, tree, _ = await repository.resolve(commit)
    diff = await repository.diff(tree, base.tree)
    return Start(address, commit, diff, (_words(name, commit, ahead, base, len(diff)), *base.left_out))


def remote_of(place: GitDir) -> tuple[str, str]:
    """The name and the address of the remote that the branch follows, else of `origin`, else of the only one."""
    addresses = {
        key.removeprefix("remote.").removesuffix(".url"): address
        for key, address in place.config.items()
        if key.startswith("remote.") and key.endswith(".url")
    }
    branch = (place.head()[0] or "").removeprefix("refs/heads/")
    wanted = (place.config.get(f"branch.{branch}.remote"), "origin", *(addresses if len(addresses) == 1 else ()))
    name = next((name for name in wanted if name in addresses), None)
    hint = "Name one that the server can reach with --repository ADDRESS."
    if name is None:
        raise UsageError(f"The server is elsewhere, and {plain(str(place.root))} has no remote called origin. {hint}")
    address = _PASSWORD.sub(r"\1", addresses[name])
    if not is_address(address) or address.startswith("file:"):
        raise UsageError(
            f"The server is elsewhere, and the remote {name} is a folder of this machine ({one_line(address, 200)}). "
            f"{hint}"
        )
    return name, address


async def _known(repository: Repository, remote: str, commit: str) -> tuple[str, int]:
    """The newest ancestor of `commit` (perhaps itself) that `remote` has, and how many commits are behind it."""
    prefix = f"refs/remotes/{remote}/".encode()
    tips = {tip for name, tip in repository.place.refs().items() if name.startswith(prefix)}
    asked = "\n".join([commit, *(f"^{tip}" for tip in sorted(tips))]) + "\n"
    listed = await repository.git.run("rev-list", "--boundary", "--stdin", stdin=asked.encode())
    lines = listed.out.decode().split()
    ahead = [line for line in lines if not line.startswith("-")]
    edge = [line[1:] for line in lines if line.startswith("-")]
    if not ahead:
        return commit, 0
    if not edge:
        raise UsageError(
            f"Nothing of this repository is known to be on {remote}; `git push` or `git fetch` first, so that the "
            "server has a commit to start from."
        )
    return await _newest(repository, commit, edge), len(ahead)


async def _newest(repository: Repository, commit: str, edge: Sequence[str]) -> str:
    if len(edge) == 1:
        return edge[0]
    found = await repository.git.run("merge-base", commit, *edge[:500])
    return found.out.decode().split()[0]


def _words(name: str, commit: str, ahead: int, base: Base, size: int) -> str:
    """What is sent, in a sentence."""
    parts = [
        counted(count, noun)
        for count, noun in (
            (ahead, "commit that is not pushed"),
            (base.changed_files, "changed file"),
            (base.untracked_files, "new file"),
        )
        if count
    ]
    if ahead > 1:
        parts[0] = f"{ahead} commits that are not pushed"
    with_ = f", with {_listed(parts)} as a starting diff of {_size(size)}" if size else ", as it is there"
    return f"Starting from {commit[:10]} of {name}{with_}."


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _size(count: int) -> str:
    return f"{count} bytes" if count < 1000 else f"{count / 1000:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"
