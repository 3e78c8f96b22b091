"""The first program of a sandbox: a process of its own, forked by `zygote.py`.

It makes a private mount namespace and stages there the layers of the workspace and every directory that will be
readable inside. As root it needs no user namespace for that, and shows the files of the layers to the unprivileged user
by idmapped mounts; as anybody else it makes a user namespace first. Then it makes a process namespace, and forks into
it the supervisor, which waits (`entering.py`), and bubblewrap, which binds from the staging place. It gives up its user
and stays until the last process has gone. The plan is a marshalled dictionary in a file; `plan.py` writes it.

It imports little and nothing of Journeyman, since its start is part of every sandbox's start.
"""

# pathlib would double the time to start:
# ruff: noqa: PTH102, PTH103, PTH120
from __future__ import annotations

import errno
import marshal
import os
import resource
import stat
import sys

from journeyman.sandbox.programs.entering import (
    ALONE,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    PR_SET_PDEATHSIG,
    change_user,
    enter,
    unshare,
)
from journeyman.sandbox.programs.keeper import prctl
from journeyman.sandbox.programs.libc import function, last_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import Any
else:
    import _signal  # what `signal` wraps into enumerations

STAGE = "/tmp"  # bubblewrap relies on it too; the layers are opened before it is covered
SCRATCH = "/tmp/scratch"

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 0x4000, 0x40000
SYS_OPEN_TREE, SYS_MOVE_MOUNT, SYS_OPENAT2, SYS_MOUNT_SETATTR = 428, 429, 437, 442  # one number on every machine
AT_FDCWD, AT_EMPTY_PATH, AT_RECURSIVE = -100, 0x1000, 0x8000
OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
MOVE_MOUNT_F_EMPTY_PATH, MOVE_MOUNT_T_EMPTY_PATH = 0x04, 0x40
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_IDMAP = 1, 2, 4, 0x100000
RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH = 0x04, 0x08
LAST_ID = 2**32 - 2
ORDINARY = 1000

raw_syscall, raw_mount = function("syscall"), function("mount")


def fail(what: str) -> None:
    number = last_error()
    raise OSError(number, f"{what}: {os.strerror(number)}")


def syscall(what: str, number: int, *arguments: int | bytes) -> int:
    result = raw_syscall(number, *arguments)
    if result < 0:
        fail(what)
    return result


def words(*values: int) -> bytes:
    """A C structure of 64-bit integers."""
    return b"".join(value.to_bytes(8, sys.byteorder) for value in values)


def mount(source: bytes, target: str, kind: bytes, flags: int, data: str) -> None:
    if raw_mount(source, os.fsencode(target), kind, flags, os.fsencode(data)):
        fail(f"cannot mount {kind.decode() or 'private'} on {target}")


def namespaces(as_root: bool) -> None:
    uid, gid = os.getuid(), os.getgid()
    if unshare(CLONE_NEWNS if as_root else CLONE_NEWNS | CLONE_NEWUSER):
        fail("cannot make a namespace")
    if not as_root:
        tell("/proc/self/setgroups", "deny")
        tell(
            "/proc/self/uid_map", f"{uid or ORDINARY} {uid} 1"
        )  # nobody's root, so that the next program has no rights
        tell("/proc/self/gid_map", f"{gid or ORDINARY} {gid} 1")
    mount(b"none", "/", b"", MS_REC | MS_PRIVATE, "")


def tell(path: str, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


def open_tree(path: str) -> int:
    """A detached copy of the mount at `path`, with all that is mounted below."""
    flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE
    return syscall(f"cannot open {path}", SYS_OPEN_TREE, AT_FDCWD, os.fsencode(path), flags)


def protect(tree: int) -> None:
    """Make a detached mount and all below it read-only, without devices or set-user-id programs."""
    flags = words(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0, 0, 0)
    syscall("cannot protect a mount", SYS_MOUNT_SETATTR, tree, b"", AT_EMPTY_PATH | AT_RECURSIVE, flags, len(flags))


def attach(tree: int, target: str) -> None:
    """Hang a detached mount on `target`, which is made."""
    if stat.S_ISDIR(os.fstat(tree).st_mode):
        os.makedirs(target, exist_ok=True)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    where = os.fsencode(target)
    syscall(f"cannot stage {target}", SYS_MOVE_MOUNT, tree, b"", AT_FDCWD, where, MOVE_MOUNT_F_EMPTY_PATH)


def swapped(one: int, other: int) -> str:
    """An identity map of all ids but two, which change places: no id is left without a counterpart."""
    low, high = sorted((one, other))
    rows = [(0, 0, low), (low, high, 1), (low + 1, low + 1, high - low - 1), (high, low, 1)]
    rows.append((high + 1, high + 1, LAST_ID - high))
    return "\n".join(f"{a} {b} {n}" for a, b, n in rows if n > 0)


class OwnerMaps:
    """User namespaces that exist only to name a mapping of ids, one for each owner."""

    def __init__(self, uid: int, gid: int) -> None:
        self.uid, self.gid = uid, gid
        self.known: dict[tuple[int, int], int] = {}

    def show_as_ours(self, tree: int) -> None:
        """What belongs to the owner of the tree's top directory belongs to the sandbox's user in this mount."""
        about = os.fstat(tree)
        owner = (about.st_uid, about.st_gid)
        if owner == (self.uid, self.gid):
            return
        if owner not in self.known:
            self.known[owner] = self.make(*owner)
        attributes = words(MOUNT_ATTR_IDMAP, 0, 0, self.known[owner])
        syscall("cannot map owners", SYS_MOUNT_SETATTR, tree, b"", AT_EMPTY_PATH, attributes, len(attributes))

    def show_if_possible(self, tree: int) -> None:
        """The same for what need not be readable: where it cannot be shown as ours, the public part still is."""
        try:
            self.show_as_ours(tree)
        except OSError:
            return

    def make(self, owner: int, group: int) -> int:
        ready, told = os.pipe()
        hold, release = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(release)
            os.write(told, b"n" if unshare(CLONE_NEWUSER) else b"y")
            os.read(hold, 1)
            os._exit(0)
        os.close(hold)
        try:
            if os.read(ready, 1) != b"y":
                raise OSError(0, "cannot make a user namespace to map owners")
            tell(f"/proc/{child}/uid_map", swapped(owner, self.uid))
            tell(f"/proc/{child}/gid_map", swapped(group, self.gid))
            return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            for handle in (ready, told, release):
                os.close(handle)
            os.waitpid(child, 0)


def overlay(plan: dict[str, Any], layer: dict[str, Any], lowers: int, maps: OwnerMaps | None) -> None:
    """Mount a layered directory on STAGE/<name>/merged: its lower layers, a bottom that holds mount points, and the
    upper if it is writable."""
    place = f"{STAGE}/{layer['name']}"
    bottom = f"{place}/m"
    os.makedirs(bottom)
    for point, is_folder in layer["points"]:
        point = f"{bottom}/{point}"
        os.makedirs(point if is_folder else os.path.dirname(point), exist_ok=True)
        if not is_folder:
            os.close(os.open(point, os.O_CREAT | os.O_WRONLY, 0o644))
    layers = [f"{place}/l{number}" for number in range(lowers)] + [bottom]
    options = f"lowerdir={':'.join(layers)},userxattr,index=off"  # userxattr turns metacopy, redirects off
    held: list[int] = []
    if layer["writable"]:
        if layer["upper"]:
            names = (f"{place}/u/{layer['upper']}", f"{place}/u/{layer['work']}")
        else:
            names = (fresh(f"{layer['name']}-upper"), fresh(f"{layer['name']}-work"))
        held = [os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW) for name in names]
        if maps and os.fstat(held[0]).st_uid != maps.uid:
            os.fchown(held[0], maps.uid, maps.gid)
        if not layer["upper"]:
            hand_over(plan, layer["name"], held[0])
        # by descriptor, so that a comma or a colon in a name is no syntax
        options += f",upperdir=/proc/self/fd/{held[0]},workdir=/proc/self/fd/{held[1]}"
    os.mkdir(f"{place}/merged")
    mount(b"overlay", f"{place}/merged", b"overlay", MS_NOSUID | MS_NODEV, options)
    for handle in held:
        os.close(handle)


def fresh(name: str) -> str:
    """A new directory in the file system in memory."""
    os.mkdir(f"{SCRATCH}/{name}")
    return f"{SCRATCH}/{name}"


def plain_home(plan: dict[str, Any], maps: OwnerMaps | None) -> None:
    """A home directory of one layer, in memory."""
    place = fresh("home")
    os.chmod(place, 0o700)  # noqa: PTH101
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    if maps:
        os.fchown(handle, maps.uid, maps.gid)
    hand_over(plan, "home", handle)
    os.close(handle)


def hand_over(plan: dict[str, Any], name: str, upper: int) -> None:
    """Send the host a descriptor of an upper layer in memory, which has no path there; wait until it has filled it."""
    import _socket

    end = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, fileno=plan["channel"])
    end.sendmsg([name.encode()], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, upper.to_bytes(4, sys.byteorder))])
    if plan["seeded"] and not end.recv(1):
        raise OSError(errno.EPIPE, "the host has gone")
    end.detach()


def hang_inside(tree: int, place: str) -> None:
    """Mount a tree on a place in the workspace, which no symlink of the repository can turn elsewhere: where there is
    one, nothing is mounted, and it leads to what is bound at its target, if anything."""
    root = os.open(f"{STAGE}/workspace/merged", os.O_PATH | os.O_DIRECTORY)
    how = words(os.O_PATH | os.O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH)
    try:
        spot = syscall(f"cannot bind {place}", SYS_OPENAT2, root, os.fsencode(place), how, len(how))
    except OSError as error:
        if error.errno == errno.ELOOP:
            return
        raise
    finally:
        os.close(root)
    flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
    syscall(f"cannot bind {place}", SYS_MOVE_MOUNT, tree, b"", spot, b"", flags)
    os.close(spot)


def veil(place: str) -> None:
    """Cover a mounted tree of the host with an overlay of itself: sockets and FIFOs in it, which a read-only mount lets
    everybody talk to, then lead to nobody."""
    kind = os.stat(place).st_mode  # noqa: PTH116
    if stat.S_ISREG(kind):
        return
    if not stat.S_ISDIR(kind):
        raise OSError(errno.EINVAL, "what is neither a file nor a folder cannot be made readable")
    os.makedirs(f"{STAGE}/none", exist_ok=True)  # an overlay has two layers at least
    options = f"lowerdir={place}:{STAGE}/none,userxattr,index=off"
    mount(b"overlay", place, b"overlay", MS_RDONLY | MS_NOSUID | MS_NODEV, options)


def stage(plan: dict[str, Any], maps: OwnerMaps | None) -> None:
    """Open every source, cover STAGE with an empty file system, and hang the sources there."""
    layers: list[dict[str, Any]] = plan["overlays"]
    lowers = [[open_tree(path) for path in layer["lower"]] for layer in layers]
    binds = [(open_tree(path), name, mapped) for path, name, mapped in plan["binds"]]
    inside = [(open_tree(path), place, mapped) for path, place, mapped in plan["inside"]]
    uppers = [open_tree(layer["upper_parent"]) if layer["upper_parent"] else -1 for layer in layers]
    if maps:
        for tree in (tree for trees in lowers for tree in trees):
            maps.show_as_ours(tree)
        for tree, _, mapped in (*binds, *inside):
            if mapped:
                maps.show_if_possible(tree)
    for tree, _, _ in (*binds, *inside):
        protect(tree)
    mount(b"tmpfs", STAGE, b"tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m")
    for tree, name, _ in binds:
        attach(tree, f"{STAGE}/{name}")
        if name in plan["veiled"]:
            veil(f"{STAGE}/{name}")
    os.mkdir(SCRATCH)
    mount(b"tmpfs", SCRATCH, b"tmpfs", MS_NOSUID | MS_NODEV, f"mode=755,size={plan['scratch']}")
    for layer, trees, upper in zip(layers, lowers, uppers, strict=True):
        for number, tree in enumerate(trees):
            attach(tree, f"{STAGE}/{layer['name']}/l{number}")
        if upper >= 0:
            attach(upper, f"{STAGE}/{layer['name']}/u")
        overlay(plan, layer, len(trees), maps)
    if plan["plain_home"]:
        plain_home(plan, maps)
    for number, (tree, place, _) in enumerate(inside):
        attach(tree, f"{STAGE}/i{number}")
        veil(f"{STAGE}/i{number}")
        hang_inside(open_tree(f"{STAGE}/i{number}"), place)


def launch(source: int, filters: int) -> None:
    """Do what the plan says; never returns."""
    try:
        plan: dict[str, Any] = marshal.loads(os.pread(source, os.fstat(source).st_size, 0))
        os.close(source)
        prepare(plan)
        people(plan, filters)
    except OSError as error:
        os.write(2, f"{error.strerror or error}\n".encode())
    os._exit(70)


def prepare(plan: dict[str, Any]) -> None:
    as_root: bool = plan["as_root"]
    for path in plan["cgroups"]:
        tell(path, "0")
    namespaces(as_root)
    os.umask(0o022)
    stage(plan, OwnerMaps(plan["uid"], plan["gid"]) if as_root else None)
    for kind, value in plan["limits"]:
        hard = resource.getrlimit(kind)[1]
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (most, most))
    os.chdir("/")
    if unshare(CLONE_NEWPID):
        fail("cannot make a process namespace")


def people(plan: dict[str, Any], filters: int) -> None:
    """Fork the supervisor and bubblewrap, and wait for them; never returns."""
    import _socket

    above = os.getppid()
    mark, block = _socket.socketpair()
    mark.send(b"!")  # which bubblewrap reads when everything is done
    told, say_who = os.pipe()
    alone, say_alone = os.pipe()
    ready, say_ready = os.pipe()
    first = os.fork()
    if first == 0:
        mount_processes(say_ready)
        enter(plan, filters, mark, told, alone)
    change_user(plan)
    prctl(PR_SET_PDEATHSIG, _signal.SIGKILL, 0, 0, 0)  # once more, since it is lost with the user
    if os.getppid() != above:
        os._exit(70)
    os.close(say_ready)
    builder = bubblewrap(plan, block.fileno(), say_who) if os.read(ready, 1) else 0
    os.closerange(3, say_alone)
    os.closerange(say_alone + 1, 1 << 30)
    code = 70
    while True:
        try:
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            os._exit(code)
        if pid == builder:
            report(say_alone)
        elif pid == first:
            code = 70 if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def mount_processes(say_ready: int) -> None:
    """Show the processes of the new namespace, whose first this is."""
    try:
        mount(b"proc", "/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "")
    except OSError as error:
        os.write(2, f"{error.strerror}\n".encode())
        os._exit(70)
    os.write(say_ready, b"!")


def bubblewrap(plan: dict[str, Any], block: int, say_who: int) -> int:
    """Start it; its process id."""
    for handle in (block, say_who):
        os.set_inheritable(handle, True)
    command: list[str] = plan["command"]
    ends = ("--block-fd", str(block), "--info-fd", str(say_who))
    return os.posix_spawn(command[0], [command[0], *ends, *command[1:]], {})


def report(say_alone: int) -> None:
    """Tell the supervisor that bubblewrap has gone."""
    try:
        os.write(say_alone, ALONE)
    except BrokenPipeError:  # it has gone too
        return
