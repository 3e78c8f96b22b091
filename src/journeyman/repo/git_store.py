"""Our own git directory for a repository: it borrows the objects, and takes over what says which files count."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from journeyman.core.errors import UsageError
from journeyman.core.text import plain
from journeyman.repo.git_dir import GitDir, read_small
from journeyman.repo.git_layer import head, packed
from journeyman.repo.git_settings import settings

CACHES = (
    "__pycache__/",
    "*.py[cod]",
    ".pytest_cache/",
    ".ruff_cache/",
    ".mypy_cache/",
    ".hypothesis/",
    ".coverage",
    "node_modules/",
    ".DS_Store",
)
"""What tools leave behind: ignored as if the person's own excludes began with it, so that any rule of theirs wins."""

_CORE = b"""\
	bare = true
	looseCompression = 1
	fsmonitor = false
	untrackedCache = false
	hooksPath = /dev/null
	attributesFile = /dev/null
	excludesFile = /dev/null
"""
_LIMIT = 1024 * 1024


def prepare(place: GitDir, store: Path, excludes: Path | None) -> None:
    """Make or freshen the git directory `store`; several processes may do so at once."""
    for folder in ("objects/info", "objects/pack", "refs/heads", "info"):
        (store / folder).mkdir(parents=True, exist_ok=True)
    objects = os.fsencode(place.objects[0])
    if b"\n" in objects:
        raise UsageError(f"The path {plain(str(place.root))!r} has a line end in it, so git cannot borrow its objects.")
    put(store / "objects/info/alternates", objects + b"\n")
    put(store / "config", settings(place, _CORE))
    if not (store / "HEAD").exists():
        put(store / "HEAD", head(None, None))
    theirs = read_small(excludes.resolve(), _LIMIT) if excludes is not None else None
    patterns = ("\n".join(CACHES).encode(), theirs or b"", _info(place, "exclude"))
    put(store / "info/exclude", b"\n".join(patterns) + b"\n")
    put(store / "info/attributes", _info(place, "attributes"))
    shallow = read_small(place.common / "shallow", 16 * 1024 * 1024)
    if shallow:
        put(store / "shallow", shallow)
    elif (store / "shallow").exists():
        (store / "shallow").unlink(missing_ok=True)


def _info(place: GitDir, name: str) -> bytes:
    folder = place.common / "info"
    return b"" if folder.is_symlink() else read_small(folder / name, _LIMIT) or b""


def sync_refs(place: GitDir, store: Path, refs: Mapping[bytes, str]) -> None:
    """Give `store` the repository's refs and HEAD, so that git can resolve names there."""
    put(store / "packed-refs", packed(refs))
    put(store / "HEAD", head(*place.head()))


def put(path: Path, content: bytes) -> None:
    """Write a file as a whole, unless it already has that content."""
    if read_small(path, 256 * 1024 * 1024) == content:
        return
    with tempfile.NamedTemporaryFile(prefix=".new-", dir=path.parent, delete=False) as file:
        file.write(content)
    fresh = Path(file.name)
    fresh.chmod(0o644)
    fresh.replace(path)
