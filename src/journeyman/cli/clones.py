"""Repositories given by their address: one mirror each, and a clone of ours that borrows its objects."""

import hashlib
import re
from pathlib import Path

from journeyman.cli.door import Door

_ADDRESS = re.compile(r"(?:(?:https?|ssh|git|file)://|[\w.-]+@[\w.-]+:)\S+\Z")


def is_address(text: str | None) -> bool:
    """Whether this names a repository elsewhere, and no folder of this machine."""
    return text is not None and _ADDRESS.match(text) is not None


async def cloned(door: Door, remote: str, ref: str | None) -> tuple[Path, str]:
    """The folder of our clone of `remote`, brought up to date, and the commit that `ref` (its default branch without
    one) is at. The work starts from that commit, so that a later fetch changes nothing under it."""
    from journeyman.core.errors import RepositoryError
    from journeyman.forge.plain_git import PlainGit

    forge = PlainGit(door.state, door.environ)
    folder = door.state / "clones" / hashlib.sha256(remote.encode()).hexdigest()[:20]
    if not (folder / ".git").is_dir():
        return folder, await forge.clone(remote, folder, ref=ref)
    mirror = await forge.fetch(remote)
    branch = ref or mirror.default_branch
    if branch is None:
        raise RepositoryError("The repository is empty; push a first commit to it.")
    return folder, mirror.branches.get(branch, branch)
