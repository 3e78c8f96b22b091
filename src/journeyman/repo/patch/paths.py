"""Paths as a patch writes them, brought below the repository's root by name alone."""

from posixpath import isabs

from journeyman.repo.patch.errors import PatchError


def beneath(path: str, *, root: str = "", cwd: str = "", line: int | None = None) -> str:
    """`path` relative to the root, without `.` and `..`.

    A relative path starts at `cwd` (itself relative to the root); an absolute one is taken only if it lies below
    `root`. Only names are looked at: that no symbolic link leads outside is for whoever opens the file.
    """
    if not path or "\0" in path:
        raise PatchError(f"the path {path!r} names no file", line=line)
    if path.endswith(("/", "/.", "/..")) or path in (".", ".."):
        raise PatchError(f"the path '{path}' is a directory, not a file", line=line)
    parts = _parts(_relative(path, root, cwd, line), path, line)
    if not parts:
        raise PatchError(f"the path '{path}' is the root of the repository, not a file", line=line)
    if any(_is_git(part) for part in parts):
        raise PatchError(f"the path '{path}' is inside .git, which a patch may not touch", line=line)
    return "/".join(parts)


def _relative(path: str, root: str, cwd: str, line: int | None) -> str:
    if not isabs(path):
        start = _relative(cwd, root, "", line) if isabs(cwd) else cwd
        return f"{start}/{path}"
    base = root.rstrip("/")
    if not base:
        raise PatchError(f"the path '{path}' is absolute; write it relative to the repository's root", line=line)
    if path != base and not path.startswith(base + "/"):
        raise _outside(path, line)
    return path[len(base) :]


def _parts(relative: str, path: str, line: int | None) -> list[str]:
    parts: list[str] = []
    for part in relative.split("/"):
        if part == "..":
            if not parts:
                raise _outside(path, line)
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return parts


def _outside(path: str, line: int | None) -> PatchError:
    return PatchError(f"the path '{path}' is outside the repository", line=line)


def _is_git(part: str) -> bool:
    """Also the spellings that other file systems take for `.git`."""
    return part.rstrip(" .").lower() in (".git", "git~1")
