"""Lay out the file system of a container from outside, before anything of the image runs in it.

Engines cannot mount what a sandbox needs: layers over each other, owners shown as the sandbox's user, paths below
paths. So this program, run by the host's interpreter as a process of its own, makes a private mount namespace, stages
there what `launcher.py` stages for bubblewrap, enters the container's mount namespace and hangs everything there. The
container itself never has a right to mount. The plan is a marshalled dictionary in the file descriptor PLAN.

Paths of the image are hostile: once inside, they lead nowhere but inside.
"""

# pathlib would double the time to start:
# ruff: noqa: PTH103, PTH106, PTH108, PTH112, PTH114, PTH120, PTH211
from __future__ import annotations

import errno
import marshal
import os
import stat
import sys

from journeyman.sandbox.programs import launcher
from journeyman.sandbox.programs.launcher import STAGE, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CLONE_NEWNS, CLONE_NEWUSER = launcher.CLONE_NEWNS, launcher.CLONE_NEWUSER
MNT_DETACH, UMOUNT_NOFOLLOW = 2, 8
MOST_USERS = 1024 * 1024

setns, umount2 = launcher.function("setns"), launcher.function("umount2")


def enter(process: int, kind: int) -> None:
    if setns(process, kind):
        launcher.fail("cannot enter the container")


def remount(path: str, *, writable: bool) -> None:
    """Make a mount writable or not; in any case without devices and set-user-id programs."""
    fixed = launcher.MOUNT_ATTR_NOSUID | launcher.MOUNT_ATTR_NODEV
    locked = launcher.MOUNT_ATTR_RDONLY
    flags = launcher.words(fixed if writable else fixed | locked, locked if writable else 0, 0, 0)
    place = os.fsencode(path)
    syscall(f"cannot remount {path}", launcher.SYS_MOUNT_SETATTR, launcher.AT_FDCWD, place, 0, flags, len(flags))


def read_only(tree: int) -> None:
    flags = launcher.words(launcher.MOUNT_ATTR_RDONLY, 0, 0, 0)
    how = launcher.AT_EMPTY_PATH | launcher.AT_RECURSIVE
    syscall("cannot protect a mount", launcher.SYS_MOUNT_SETATTR, tree, b"", how, flags, len(flags))


def hang(tree: int, place: str) -> None:
    """Mount a detached tree on `place`, which is made, with the folders above it."""
    if stat.S_ISDIR(os.fstat(tree).st_mode):
        os.makedirs(place, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if not os.path.lexists(place):
            os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    target = os.fsencode(place)
    how = launcher.MOVE_MOUNT_F_EMPTY_PATH
    syscall(f"cannot mount {place}", launcher.SYS_MOVE_MOUNT, tree, b"", launcher.AT_FDCWD, target, how)
    os.close(tree)


def uncover(place: str) -> None:
    """Take away what the engine has mounted on a path, if anything."""
    if umount2(os.fsencode(place), MNT_DETACH | UMOUNT_NOFOLLOW):
        try:
            launcher.fail(f"cannot unmount {place}")
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOENT):
                raise


def put_file(path: str, text: bytes) -> None:
    """A file of the image gets another content; whatever else lies there is replaced."""
    uncover(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        if stat.S_ISDIR(os.lstat(path).st_mode):
            os.rmdir(path)
        else:
            os.unlink(path)
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644)
    os.write(handle, text)
    os.close(handle)


def image_file(path: str) -> bytes:
    """A small regular file of the image; empty if it is anything else."""
    uncover(path)
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return b""
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    data = os.read(handle, MOST_USERS)
    os.close(handle)
    return data


def know_user(path: str, entry: bytes, ident: int) -> None:
    """Add a line to /etc/passwd or /etc/group, in place of others with the same name or number."""
    name = entry.partition(b":")[0]
    lines = [line for line in image_file(path).splitlines() if line.count(b":") >= 2]
    kept = [line for line in lines if line.split(b":")[0] != name and line.split(b":")[2] != b"%d" % ident]
    put_file(path, b"\n".join([*kept, entry, b""]))


def new_tmp(size: int) -> None:
    os.makedirs("/tmp", exist_ok=True)
    flags = launcher.MS_NOSUID | launcher.MS_NODEV
    launcher.mount(b"tmpfs", "/tmp", b"tmpfs", flags, f"mode=1777,size={size}")


def inside(plan: dict[str, Any], trees: list[tuple[int, str]]) -> None:
    """What is done in the container's mount namespace."""
    uncover("/sys")
    remount("/", writable=True)
    for path, text in plan["files"]:
        put_file(path, text)
    for path, entry, ident in plan["users"]:
        know_user(path, entry, ident)
    for path, target in plan["links"]:
        if not os.path.lexists(path):
            os.symlink(target, path)
    uncover("/tmp")
    uncover("/var/tmp")
    new_tmp(plan["tmp"])
    if os.path.isdir("/var/tmp") and not os.path.islink("/var/tmp"):
        hang(launcher.open_tree("/tmp"), "/var/tmp")
    for tree, place in trees:
        hang(tree, place)
    remount("/", writable=False)


def give_back(plan: dict[str, Any]) -> None:
    """What overlayfs made beside the upper layers becomes the user's, who will have to remove it."""
    for layer in plan["overlays"]:
        if layer["writable"] and layer["upper"]:
            os.chown(f"{STAGE}/{layer['name']}/u/{layer['work']}/work", plan["uid"], plan["gid"], follow_symlinks=False)


def lay_out(plan: dict[str, Any]) -> None:
    process: int = plan["process"]
    os.umask(0o022)
    if not plan["as_root"]:
        enter(process, CLONE_NEWUSER)
    if launcher.unshare(CLONE_NEWNS):
        launcher.fail("cannot make a namespace")
    launcher.mount(b"none", "/", b"", launcher.MS_REC | launcher.MS_PRIVATE, "")
    launcher.stage(plan, launcher.OwnerMaps(plan["uid"], plan["gid"]) if plan["as_root"] else None)
    if plan["as_root"]:
        give_back(plan)
    trees: list[tuple[int, str]] = []
    for name, place, is_writable in plan["mounts"]:
        tree = launcher.open_tree(f"{STAGE}/{name}")
        if not is_writable:
            read_only(tree)
        trees.append((tree, place))
    enter(process, CLONE_NEWNS)
    if not plan["as_root"]:  # what is made now is not the sandbox's own
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
    inside(plan, trees)


def sentence(error: OSError) -> bytes:
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{where}\n".encode()


def run() -> None:
    source = int(sys.argv[1])
    plan: dict[str, Any] = marshal.loads(os.pread(source, os.fstat(source).st_size, 0))
    os.close(source)
    try:
        lay_out(plan)
    except OSError as error:
        os.write(2, sentence(error))
        os._exit(70)
