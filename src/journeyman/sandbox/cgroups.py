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


@dataclass(frozen=True, slots=True)
class Group:
    """The control group of one sandbox: its directories, and how memory's end is read there."""

    folders: tuple[Path, ...]
    events: Path

    @classmethod
    def open(cls, name: str, *, memory_bytes: int, processes: int, root: Path = ROOT) -> "Group | None":
        """Make a group, or None where that is not possible."""
        try:
            if (root / "cgroup.controllers").exists():
                return cls._second(name, memory_bytes, processes, root)
            return cls._first(name, memory_bytes, processes, root)
        except OSError:
            return None

    @classmethod
    def _first(cls, name: str, memory_bytes: int, processes: int, root: Path) -> "Group":
        folders: list[Path] = []
        try:
            for controller in ("memory", "pids"):
                folder = root / controller / PARENT / name
                folder.mkdir(parents=True)
                folders.append(folder)
            memory, pids = folders
            (memory / "memory.limit_in_bytes").write_text(str(memory_bytes))
            with contextlib.suppress(OSError):  # only where swap is accounted
                (memory / "memory.memsw.limit_in_bytes").write_text(str(memory_bytes))
            (pids / "pids.max").write_text(str(processes))
        except OSError:
            _remove(folders)
            raise
        return cls(tuple(folders), memory / "memory.oom_control")

    @classmethod
    def _second(cls, name: str, memory_bytes: int, processes: int, root: Path) -> "Group":
        parent = root / PARENT
        parent.mkdir(exist_ok=True)
        for place in (root, parent):
            control = place / "cgroup.subtree_control"
            if not {"memory", "pids"} <= set(control.read_text().split()):
                control.write_text("+memory +pids")
        folder = parent / name
        folder.mkdir()
        try:
            (folder / "memory.max").write_text(str(memory_bytes))
            with contextlib.suppress(OSError):  # only where there is swap
                (folder / "memory.swap.max").write_text("0")
            (folder / "pids.max").write_text(str(processes))
        except OSError:
            _remove([folder])
            raise
        return cls((folder,), folder / "memory.events")

    @property
    def doors(self) -> list[str]:
        """The files that a process enters by writing its id."""
        return [str(folder / "cgroup.procs") for folder in self.folders]

    def memory_kills(self) -> int:
        """How many processes were killed because the group's memory was full."""
        try:
            for line in self.events.read_text().splitlines():
                key, _, value = line.partition(" ")
                if key == "oom_kill":
                    return int(value)
        except (OSError, ValueError):
            return 0
        return 0

    def close(self) -> None:
        """Remove the group, whose processes have ended."""
        _remove(list(self.folders))


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
    for parent in (root / "memory" / PARENT, root / "pids" / PARENT, root / PARENT):
        with contextlib.suppress(OSError):
            for folder in parent.iterdir():
                owner = folder.name.partition("-")[0]
                if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):  # noqa: PTH110
                    with contextlib.suppress(OSError):
                        folder.rmdir()
