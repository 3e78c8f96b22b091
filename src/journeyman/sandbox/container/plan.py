"""What a container will look like: what the engine is asked for, and the stager's plan."""

import contextlib
import io
import marshal
import math
import resource
import shutil
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journeyman.sandbox import plan
from journeyman.sandbox.container.api import About
from journeyman.sandbox.container.runtime import Runtime
from journeyman.sandbox.plan import HOME, STAGE, SYSTEM_PATH, USER, Plan, Uppers
from journeyman.sandbox.programs.serving import PROCESSORS
from journeyman.sandbox.protocol import GATEWAY_PORT, SandboxSpec, certificates

HOST = "localhost/journeyman-host:1"
"""An image of empty directories, into which the host's own system is hung."""
INSIDE = "/run/journeyman"
"""Where a container has what is ours: the door, the interpreter, the gateway's certificates."""
RUNTIME = f"{INSIDE}/python"
DOOR = f"{INSIDE}/door"
HOST_ROOT = "/host"
SOURCES = Path(__file__).parent.parent.parent.parent
CHANNEL = 9
"""The descriptor that the supervisor has the channel as."""
PROCESSES = 32768
"""The most that podman's service can give a user, of whom all sandboxes are."""
SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
MASKED = (
    *("/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"),
    *("/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/proc/interrupts", "/proc/kallsyms", "/proc/kmsg"),
    *("/sys/firmware", "/sys/devices/virtual/powercap"),
)
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


@dataclass(frozen=True, slots=True)
class Image:
    """An image that the engine has: its name, its id, and the variables that it sets."""

    name: str
    ident: str
    env: Mapping[str, str]

    @property
    def is_host(self) -> bool:
        return self.name == HOST


def empty_image() -> bytes:
    """The archive of `HOST`."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in ("dev", "etc", "proc", "run", "sys", "tmp", "usr", "var"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
    return file.getvalue()


def environment(spec: SandboxSpec, image: Image) -> dict[str, str]:
    """What every command sees: the image's variables, our own, the spec's, and the gateway's."""
    ours = plan.environment(spec) | {"JOURNEYMAN_SANDBOX": "container"}
    if image.is_host:
        return ours
    own = {"PATH": image.env.get("PATH", SYSTEM_PATH), "SHELL": "/bin/sh"}
    gateway: Mapping[str, str] = spec.gateway.env if spec.gateway else {}
    return {**image.env, **ours, **own, **spec.env, **gateway}


def container(
    spec: SandboxSpec, image: Image, about: About, user: tuple[int, int], started: tuple[Runtime, Path]
) -> dict[str, Any]:
    """The engine's orders. `user` runs everything inside; `started` is the interpreter that the first program is run
    by, and the directory that lies at `INSIDE`."""
    interpreter, folder = started
    command = first(spec, interpreter, about)
    host: dict[str, Any] = {
        "AutoRemove": True,
        "CapDrop": ["ALL"],
        "CgroupnsMode": "private",
        "IpcMode": "private",
        "MaskedPaths": list(MASKED),
        "Mounts": [
            _bind(folder, INSIDE),
            _bind(interpreter.folder, RUNTIME),
            # it would load files of the image into our interpreter
            _bind(folder / "empty", "/etc/ld.so.preload"),
        ],
        "NetworkMode": "none",
        "Privileged": False,
        "ReadonlyPaths": list(READ_ONLY),
        "ReadonlyRootfs": True,
        "ShmSize": plan.in_memory(spec),
        "Ulimits": _limits(spec),
    }
    if about.bounds:
        host |= {"Memory": spec.memory_bytes, "MemorySwap": spec.memory_bytes, "PidsLimit": spec.processes}
    if about.cpu_bounds and spec.cpus:
        host["NanoCpus"] = int(spec.cpus * 1e9)
    if about.rootless:
        host["UsernsMode"] = "keep-id"
    loading = [name for name in image.env if name.startswith("LD_") or name == "GLIBC_TUNABLES"]
    return {
        "Image": image.ident,
        "Entrypoint": command[:1],
        "Cmd": command[1:],
        "User": f"{user[0]}:{user[1]}",
        "Env": [f"{name}=" for name in loading],
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": host,
        "Hostname": USER,
        "NetworkDisabled": True,
        "StopSignal": "SIGKILL",
        "WorkingDir": "/",
    }


def helper(image: Image, interpreter: Runtime, folder: Path) -> dict[str, Any]:
    """The engine's orders for a container in which the stager runs as root; `folder` has its door."""
    command = interpreter.command(f"{RUNTIME}/helper.pyc", DOOR, HOST_ROOT, str(SOURCES))
    return {
        "Image": image.ident,
        "Entrypoint": command[:1],
        "Cmd": command[1:],
        "User": "0:0",
        "HostConfig": {
            "AutoRemove": True,
            "Binds": [f"/:{HOST_ROOT}:rslave"],
            "Mounts": [_bind(folder, INSIDE), _bind(interpreter.folder, RUNTIME)],
            "NetworkMode": "none",
            "PidMode": "host",
            "Privileged": True,
            "ReadonlyRootfs": True,
            "Ulimits": [{"Name": name, "Soft": 1024, "Hard": 1024} for name in ("nofile", "nproc")],
        },
        "NetworkDisabled": True,
        "WorkingDir": "/",
    }


def first(spec: SandboxSpec, interpreter: Runtime, about: About) -> list[str]:
    """The command of process 1: it waits at the door, then becomes the supervisor."""
    gateway = str(GATEWAY_PORT if spec.gateway else 0)
    cpu = str(spec.cpu_seconds or 0)
    then = interpreter.command(f"{RUNTIME}/supervisor.pyc", str(CHANNEL), str(spec.workspace), gateway, cpu)
    if spec.cpus and not about.cpu_bounds:
        then.append(f"{PROCESSORS}={math.ceil(spec.cpus)}")
    if not about.bounds:
        then += [f"{resource.RLIMIT_NPROC}={spec.processes}", f"{resource.RLIMIT_DATA}={spec.memory_bytes}"]
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: spec.disk_bytes,
        resource.RLIMIT_NOFILE: spec.open_files,
    }
    pairs = ",".join(f"{kind}={value}" for kind, value in limits.items())
    return interpreter.command(f"{RUNTIME}/init.pyc", DOOR, str(CHANNEL), pairs, *then)


def _bind(source: Path, target: str) -> dict[str, Any]:
    return {"Type": "bind", "Source": str(source), "Target": target, "ReadOnly": True}


def _limits(spec: SandboxSpec) -> list[dict[str, Any]]:
    """Of single processes, named because an engine's own may be more than it is allowed to give."""
    most = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    most = PROCESSES if most == resource.RLIM_INFINITY else min(most, PROCESSES)
    limits = {"core": 0, "nofile": spec.open_files, "nproc": most}
    return [{"Name": name, "Soft": value, "Hard": value} for name, value in limits.items()]


@dataclass(frozen=True, slots=True)
class System:
    """Of the host's system, for containers without an image of their own: /etc, what is bound over it (`users` is a
    directory with files of that name), and the interpreter with its prefix."""

    etc: Path
    bound_etc: tuple[Path, ...]
    users: Path
    interpreter: tuple[Path, Path]


def orders(
    spec: SandboxSpec,
    system: System | None,
    *,
    ids: tuple[int, int] | None,
    user: tuple[int, int],
    process: int,
    channel: int,
    uppers: Uppers,
    seeded: bool = False,
) -> bytes:
    """The marshalled plan for the stager. `system` is None for images; `user` is who runs the commands, in the eyes of
    the container; `process` and `channel` are descriptors."""
    staged = Plan()
    mounts: list[tuple[str, str, bool]] = []
    links: list[tuple[str, str]] = []
    roots: Sequence[Path] = ()
    if system:
        roots = (system.interpreter[1], system.interpreter[0].parent.parent, *(c.root for c in spec.toolchains))
        _host(staged, system, mounts, links)
    for place, source in plan.readable(staged, spec, roots):
        mounts.append((_name(source), place, False))
    mounts.append(("workspace/merged", str(spec.workspace), not spec.read_only))
    mounts.append((plan.home(spec, uppers), HOME, True))
    content = plan.staging(staged, spec, ids=ids, channel=channel, uppers=uppers, seeded=seeded) | {
        "process": process,
        "mounts": sorted(mounts, key=lambda mount: mount[1].count("/")),
        "links": links,
        "tmp": plan.in_memory(spec),
        "files": [] if system else [(f"/etc/{name}", plan.OWN_ETC[name].encode()) for name in ("hosts", "resolv.conf")],
        "users": _users(user) if system is None else [],
    }
    return marshal.dumps(content)


def _host(staged: Plan, system: System, mounts: list[tuple[str, str, bool]], links: list[tuple[str, str]]) -> None:
    """The host's own system, as bubblewrap shows it."""
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink():
            links.append((name, str(path.readlink())))
        elif path.is_dir():
            mounts.append((_name(staged.staged(path)), name, False))
    mounts.append((_name(staged.staged(Path("/usr"))), "/usr", False))
    mounts.append((_name(staged.staged(system.etc)), "/etc", False))
    mounts.extend((_name(staged.staged(path)), str(path), False) for path in system.bound_etc)
    mounts.extend((_name(staged.staged(path)), f"/etc/{path.name}", False) for path in system.users.iterdir())


def _name(staged: str) -> str:
    return staged.removeprefix(f"{STAGE}/")


def system(state: Path, interpreter: tuple[Path, Path], user: tuple[int, int]) -> System:
    """Lay out in `state` what containers see of the host's /etc."""
    users = state / f"users-{user[0]}-{user[1]}"
    if not users.exists():
        fresh = Path(tempfile.mkdtemp(dir=state))
        for path, entry, _ in _users(user):
            lines = [line for line in plan.OWN_ETC[Path(path).name].splitlines() if not line.startswith(f"{USER}:")]
            (fresh / Path(path).name).write_text("\n".join([*lines, entry.decode(), ""]))
            (fresh / Path(path).name).chmod(0o644)
        fresh.chmod(0o755)
        with contextlib.suppress(OSError):  # another process was quicker
            fresh.rename(users)
        shutil.rmtree(fresh, ignore_errors=True)
    return System(state / "etc", plan.write_etc(state / "etc"), users, interpreter)


def _users(user: tuple[int, int]) -> list[tuple[str, bytes, int]]:
    """Lines for the image's own files, with the numbers that they name."""
    uid, gid = user
    return [
        ("/etc/passwd", f"{USER}:x:{uid}:{gid}:{USER}:{HOME}:/bin/sh".encode(), uid),
        ("/etc/group", f"{USER}:x:{gid}:".encode(), gid),
    ]


def variables(config: Mapping[str, Any]) -> dict[str, str]:
    """The variables of an image's configuration, which are hostile."""
    found: dict[str, str] = {}
    for pair in config.get("Env") or ():
        name, sign, value = str(pair).partition("=")
        if name and sign and "\0" not in pair:
            found[name] = value
    return found


def lay_out(folder: Path, spec: SandboxSpec | None = None) -> None:
    """Fill the directory that lies at `INSIDE`."""
    folder.mkdir(parents=True)
    (folder / Path(RUNTIME).name).mkdir()
    (folder / "empty").write_bytes(b"")
    for file, place in certificates(spec.gateway) if spec else []:
        (folder / Path(place).name).write_bytes(file.read_bytes())
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
