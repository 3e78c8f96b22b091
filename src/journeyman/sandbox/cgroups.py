"""Control groups: memory and processes of one sandbox bounded together, where this process may make groups.

Version 1 (a hierarchy for each controller) and version 2 (one for all). Elsewhere the limits of single processes
(`setrlimit`) have to do, and `Group.open` gives None.
"""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
PARENT = "journeyman"
FIRST_COUNTS = "memory.oom_control"
"""Where version 1 counts."""
PERIOD = 100_000
"""Microseconds in which a share of the processors is counted out."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the kernel counted: processes killed for want of memory, processes refused, seconds held back."""

    memory_kills: int = 0
    refused_processes: int = 0
    held_back: float = 0.0

    def since(self, before: "Counts") -> "Counts":
        return Counts(
            self.memory_kills - before.memory_kills,
            self.refused_processes - before.refused_processes,
            self.held_back - before.held_back,
        )


@dataclass(frozen=True, slots=True)
class Group:
    """The control group of one sandbox: its directories, the files in which the kernel counts, and whether it bounds
    the processors too."""

    folders: tuple[Path, ...]
    memory: Path
    pids: Path | None = None
    cpu: Path | None = None

    @classmethod
    def open(
        cls, name: str, *, memory_bytes: int, processes: int, cpus: float | None = None, root: Path = ROOT
    ) -> "Group | None":
        """Make a group, or None where that is not possible. Where only the processors cannot be bounded it has no
        `cpu`."""
        try:
            if (root / "cgroup.controllers").exists():
                return cls._second(name, memory_bytes, processes, cpus, root)
            return cls._first(name, memory_bytes, processes, cpus, root)
        except OSError:
            return None

    @classmethod
    def of(cls, process: int, root: Path = ROOT) -> "Group | None":
        """The group that somebody else has made for a process, to be asked what the kernel counted."""
        try:
            lines = Path(f"/proc/{process}/cgroup").read_text().splitlines()
        except OSError:
            return None
        places: dict[str, Path] = {}
        for line in lines:
            _, controllers, path = line.split(":", 2)
            for name in controllers.split(","):
                places[name] = root / name / path[1:]
        if {"memory", "pids"} <= places.keys():
            cpu = places["cpu"] / "cpu.stat" if "cpu" in places else None
            return cls((), places["memory"] / "memory.oom_control", places["pids"] / "pids.events", cpu)
        second = places.get("", root)
        if (second / "memory.events").exists():
            return cls((), second / "memory.events", second / "pids.events", second / "cpu.stat")
        return None

    @classmethod
    def _first(cls, name: str, memory_bytes: int, processes: int, cpus: float | None, root: Path) -> "Group":
        folders: list[Path] = []
        try:
            for controller in ("memory", "pids"):
                folders.append(root / controller / PARENT / name)
                folders[-1].mkdir(parents=True)
            memory, pids = folders
            (memory / "memory.limit_in_bytes").write_text(str(memory_bytes))
            with contextlib.suppress(OSError):  # only where swap is accounted
                (memory / "memory.memsw.limit_in_bytes").write_text(str(memory_bytes))
            (pids / "pids.max").write_text(str(processes))
        except OSError:
            _remove(folders)
            raise
        cpu = _first_cpu(root / "cpu" / PARENT / name, cpus) if cpus else None
        stat = cpu / "cpu.stat" if cpu else None
        return cls((*folders, *([cpu] if cpu else [])), memory / FIRST_COUNTS, pids / "pids.events", stat)

    @classmethod
    def _second(cls, name: str, memory_bytes: int, processes: int, cpus: float | None, root: Path) -> "Group":
        parent = root / PARENT
        parent.mkdir(exist_ok=True)
        for place in (root, parent):
            _delegate(place, ("memory", "pids"))
        folder = parent / name
        folder.mkdir()
        cpu = None
        try:
            (folder / "memory.max").write_text(str(memory_bytes))
            with contextlib.suppress(OSError):  # only where there is swap
                (folder / "memory.swap.max").write_text("0")
            (folder / "pids.max").write_text(str(processes))
        except OSError:
            _remove([folder])
            raise
        if cpus:
            with contextlib.suppress(OSError):  # the caller sees that there is no `cpu`
                for place in (root, parent):
                    _delegate(place, ("cpu",))
                (folder / "cpu.max").write_text(f"{int(cpus * PERIOD)} {PERIOD}")
                cpu = folder / "cpu.stat"
        return cls((folder,), folder / "memory.events", folder / "pids.events", cpu)

    @property
    def doors(self) -> list[str]:
        """The files that a process enters by writing its id, or 0 for itself."""
        # of version 1 that of single threads, where the kernel has not to wait for all processors to pass by
        name = "tasks" if self.memory.name == FIRST_COUNTS else "cgroup.procs"
        return [str(folder / name) for folder in self.folders]

    def counts(self) -> Counts:
        held = _number(self.cpu, "throttled_usec") / 1e6 + _number(self.cpu, "throttled_time") / 1e9
        return Counts(_number(self.memory, "oom_kill"), _number(self.pids, "max"), held)

    def close(self) -> None:
        """Remove the group, whose processes have ended."""
        _remove(list(self.folders))


def _first_cpu(folder: Path, cpus: float) -> Path | None:
    try:
        folder.mkdir(parents=True)
        (folder / "cpu.cfs_period_us").write_text(str(PERIOD))
        (folder / "cpu.cfs_quota_us").write_text(str(int(cpus * PERIOD)))
    except OSError:
        _remove([folder])
        return None
    return folder


def _delegate(place: Path, controllers: tuple[str, ...]) -> None:
    control = place / "cgroup.subtree_control"
    if not set(controllers) <= set(control.read_text().split()):
        control.write_text(" ".join(f"+{name}" for name in controllers))


def _number(path: Path | None, wanted: str) -> int:
    """The number that follows a word in a file of the kernel's; 0 where there is none."""
    try:
        for line in path.read_text().splitlines() if path else ():
            key, _, value = line.partition(" ")
            if key == wanted:
                return int(value)
    except (OSError, ValueError):
        return 0
    return 0


def _remove(folders: list[Path]) -> None:
    for folder in folders:
        for _ in range(50):
            try:
                folder.rmdir()
                break
            except FileNotFoundError:
                break
            except OSError:  # a process is still on its way out
                time.sleep(0.002)


def sweep(root: Path = ROOT) -> None:
    """Remove the groups of hosts that were killed before they could; names are `<process id of the host>-<rest>`."""
    for parent in (*(root / name / PARENT for name in ("memory", "pids", "cpu")), root / PARENT):
        with contextlib.suppress(OSError):
            for folder in parent.iterdir():
                owner = folder.name.partition("-")[0]
                if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):  # noqa: PTH110
                    with contextlib.suppress(OSError):
                        folder.rmdir()
