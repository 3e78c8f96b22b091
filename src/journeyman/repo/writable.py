"""Whether the files of a working tree are the person's to write.

What a sandbox changes is copied to its own layer first. The kernel does that only for those who might have changed the
file itself, and only where it can give the copy the same owner and group.
"""

import os
import stat
from collections.abc import Iterable


def all_writable(root: bytes, paths: Iterable[bytes]) -> bool:
    """Whether all of `paths` beneath `root`, and their folders, can be changed in a layer over them. Links can always,
    and what has gone."""
    user, group = os.geteuid(), os.getegid()
    if user == 0:  # sees the owner of `root` as itself, and may give files to everybody
        user, group = os.lstat(root + b"/").st_uid, -1
    folders = {b""}
    for path in paths:
        folder = path.rpartition(b"/")[0]
        while folder not in folders:
            folders.add(folder)
            folder = folder.rpartition(b"/")[0]
        if not _is_writable(root + b"/" + path, user, group):
            return False
    return all(_is_writable(root + b"/" + folder, user, group) for folder in folders)


def _is_writable(path: bytes, user: int, group: int) -> bool:
    """Whether `path` belongs to both, and its owner may write to it. A negative `group` is any."""
    try:
        about = os.lstat(path)
    except OSError:
        return True
    owned = about.st_uid == user and group in (-1, about.st_gid)
    return stat.S_ISLNK(about.st_mode) or (owned and bool(about.st_mode & stat.S_IWUSR))
