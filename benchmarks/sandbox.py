"""What a sandbox costs on a ready environment, beside bare bubblewrap, podman, and a bare process as the floor.

An environment of 20,000 files and 1 GB of installed packages is laid out in a temporary folder. Measured are: opening
a sandbox over it, a command in it, the diff of ten changed files, a hundred sandboxes open at once, and what is left
of two hundred that are killed at random moments. Started by root, all of it is measured for an ordinary user as well.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from journeyman.repo.repository import open_repository
from journeyman.sandbox import cgroups
from journeyman.sandbox.bubblewrap import Bubblewrap, find_bwrap
from journeyman.sandbox.launchers import mark
from journeyman.sandbox.protocol import Sandbox, SandboxBackend, SandboxSpec
from journeyman.testing import ordinary

ROOT = Path(__file__).parents[1]
MEGABYTE = 1 << 20
MARK = f"86400.{os.getpid()}"
"""How long the daemons of killed attempts would sleep; nobody else's do."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is laid out and how often a thing is done."""

    files: int = 20_000
    packages: int = 1024
    starts: int = 60
    batches: int = 30
    open_at_once: int = 100
    kills: int = 200

    @classmethod
    def quick(cls) -> "Size":
        return cls(files=2_000, packages=64, starts=15, batches=5, open_at_once=20, kills=20)


@dataclass(slots=True)
class Row:
    """One figure. `bar` is what it has to be at most, or at least where `more` is better; `ratio` is how often it
    holds the figure of the floor (or that of the row named in `beside`)."""

    who: str
    what: str
    value: float
    unit: str
    p99: float | None = None
    bar: float | None = None
    bar_p99: float | None = None
    more: bool = False

    @property
    def passes(self) -> bool | None:
        if self.bar is None and self.bar_p99 is None:
            return None
        fits = self.bar is None or (self.value >= self.bar if self.more else self.value <= self.bar)
        return fits and (self.bar_p99 is None or (self.p99 or 0.0) <= self.bar_p99)


@dataclass(slots=True)
class Report:
    rows: list[Row] = field(default_factory=list[Row])
    notes: list[str] = field(default_factory=list[str])
    quiet: bool = False

    def add(self, row: Row) -> None:
        self.rows.append(row)
        if not self.quiet:
            print(f"  {row.who}: {row.what} {row.value:.4g} {row.unit}", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Ground:
    """The environment: a repository, and above it a layer with packages, as set-up leaves them."""

    folder: Path
    repository: Path
    packages: Path

    def spec(self, name: str) -> SandboxSpec:
        upper = self.folder / "attempts" / name / "upper"
        upper.mkdir(parents=True, exist_ok=True)
        return SandboxSpec(workspace=self.repository, lower=(self.packages, self.repository), upper=upper)


def lay_out(folder: Path, size: Size) -> Ground:
    ground = Ground(folder, folder / "repository", folder / "packages")
    for number in range(size.files):
        place = ground.repository / f"package{number % 200}" / f"module{number}.py"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f'"""Module {number}."""\n\nVALUE = {number}\n' + "# a line of text\n" * 20)
    block = os.urandom(MEGABYTE)
    for number in range(size.packages):
        place = ground.packages / ".venv" / "lib" / f"package{number}" / "data.bin"
        place.parent.mkdir(parents=True)
        place.write_bytes(block)
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "Base")):
        settings = ("-c", "user.name=Bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0")
        subprocess.run(["git", *settings, *words], cwd=ground.repository, check=True, capture_output=True)
    return ground


async def timed(times: int, work: Callable[[], Awaitable[float | None]]) -> tuple[float, float]:
    """Median and 99th percentile, in ms. `work` may give its own seconds."""
    found: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        own = await work()
        found.append((own if own is not None else time.perf_counter() - began) * 1e3)
    found.sort()
    return statistics.median(found), found[min(int(len(found) * 0.99), len(found) - 1)]


def processor_time() -> float:
    """Seconds that this process and its children have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


async def starts_and_commands(report: Report, who: str, backend: SandboxBackend, ground: Ground, size: Size) -> None:
    spec = ground.spec("start")
    bars = who.startswith("journeyman")

    async def start() -> float:
        began = time.perf_counter()
        async with backend.open(spec):
            return time.perf_counter() - began

    await start()  # the first one also makes what all share
    before = processor_time()
    median, p99 = await timed(size.starts, start)
    report.add(Row(who, "start", median, "ms", p99, bar=15.0 if bars else None))
    spent = (processor_time() - before) / size.starts
    report.add(Row(who, "start and end: processor time", spent * 1e3, "ms"))  # tells more on a machine that is busy
    async with backend.open(spec) as sandbox:
        every: list[float] = []
        for _ in range(size.batches):
            for _ in range(10):
                began = time.perf_counter()
                await sandbox.exec(["true"], timeout=30)
                every.append((time.perf_counter() - began) * 1e3)
        every.sort()
        p99 = every[int(len(every) * 0.99)]
        row = Row(who, "command", statistics.median(every), "ms", p99)
        report.add(replace(row, bar=3.0, bar_p99=10.0) if bars else row)


async def diff_of_ten(report: Report, who: str, backend: SandboxBackend, ground: Ground, size: Size) -> None:
    repository = await open_repository(ground.repository, ground.folder / f"state-of-{who.split()[-1]}")
    base = await repository.snapshot()
    async with backend.open(ground.spec("diff")) as sandbox:
        script = "for n in $(seq 0 9); do echo changed >> package$n/module$n.py; done"
        assert (await sandbox.exec(["sh", "-ec", script], timeout=60)).exit_code == 0

        async def diff() -> None:
            changes = await sandbox.diff()
            writes = {each.path: await sandbox.read_change(each.path) for each in changes}
            tree = await repository.tree_with(base.tree, [], writes)
            patch = await repository.diff(base.tree, tree)
            assert patch.count(b"diff --git") == 10, patch[:1000]

        median, p99 = await timed(max(size.starts // 4, 5), diff)
    report.add(Row(who, "diff of 10 files, as a patch", median, "ms", p99, bar=100.0))


def family(root: int) -> list[int]:
    """All descendants of a process."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            children.setdefault(int(path.read_text().rpartition(")")[2].split()[1]), []).append(int(path.parent.name))
    found, waiting = list[int](), [root]
    while waiting:
        inner = children.get(waiting.pop(), [])
        found += inner
        waiting += inner
    return found


def proportional(processes: list[int]) -> float:
    """Megabytes of memory of these processes, what they share counted by parts; what may not be read counts as none."""
    total = 0
    for process in processes:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
    return total / 1024


async def many_at_once(report: Report, who: str, backend: SandboxBackend, ground: Ground, size: Size) -> None:
    specs = [ground.spec(f"many{number}") for number in range(size.open_at_once)]
    async with contextlib.AsyncExitStack() as stack:
        room = asyncio.Semaphore((os.cpu_count() or 2) * 2)

        async def open_one(spec: SandboxSpec) -> Sandbox:
            async with room:
                return await stack.enter_async_context(backend.open(spec))

        began = time.perf_counter()
        sandboxes = await asyncio.gather(*map(open_one, specs))
        rate = len(specs) / (time.perf_counter() - began)
        report.add(Row(who, f"{len(specs)} open at once: starts", rate, "/s", bar=40.0, more=True))
        results = await asyncio.gather(*(sandbox.exec(["true"], timeout=60) for sandbox in sandboxes))
        assert all(result.exit_code == 0 for result in results)
        each = proportional(family(os.getpid())) / len(specs)
        if each:
            report.add(Row(who, f"{len(specs)} open at once: memory each", each, "MB", bar=6.0))
        else:
            report.notes.append(f"{who}: an ordinary user may not read how much memory a sandbox takes.")


def bare(report: Report, who: str, command: list[str], times: int) -> None:
    found: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            report.notes.append(f"{who}: {done.stderr.decode(errors='replace').strip()[:200]}")
            return
        found.append((time.perf_counter() - began) * 1e3)
    found.sort()
    report.add(Row(who, "start and command", statistics.median(found), "ms", found[int(len(found) * 0.99)]))


def bare_bubblewrap() -> list[str]:
    binary, _ = find_bwrap()
    return [
        str(binary),
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
        "--unshare-all",
        "--die-with-parent",
        "true",
    ]


@dataclass(frozen=True, slots=True)
class Traces:
    """What sandboxes leave where it must be gone: processes, mounts, control groups, files of the state."""

    processes: frozenset[int]
    mounts: frozenset[str]
    groups: frozenset[str]
    files: frozenset[str]

    @classmethod
    def look(cls, ground: Ground, state: Path, hosts: set[int]) -> "Traces":
        """Of sandboxes over `ground` only, made by the processes `hosts`: others may be at work on the machine."""
        groups = {
            str(path)
            for parent in (*(cgroups.ROOT / name for name in ("memory", "pids", "cpu")), cgroups.ROOT)
            for path in (parent / cgroups.PARENT).glob("*-*")
            if path.name.partition("-")[0] in map(str, hosts)
        }
        mounts = {line.split(" ", 1)[1] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
        files = {str(path.relative_to(state)) for path in state.rglob("*")}
        return cls(frozenset(sandboxed(ground, state)), frozenset(mounts), frozenset(groups), frozenset(files))


def sandboxed(ground: Ground, state: Path) -> Iterator[int]:
    """Processes that are, or start, sandboxes over `ground`: they name it, or the state that they come from, or do what
    the attempts have them do."""
    marks = (os.fsencode(ground.folder), mark(state / "program").encode(), MARK.encode())
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes()
            if path.parent.name != str(os.getpid()) and any(each in words for each in marks):
                yield int(path.parent.name)


def killed_attempts(report: Report, who: str, ground: Ground, size: Size) -> None:
    """Attempts in processes of their own, killed at random moments."""
    state, attempts = ground.folder / "killed-state", ground.folder / "attempts" / "killed"
    asyncio.run(_attempt(state, replace(ground.spec("killed/first")), once=True))
    hosts = {os.getpid()}
    before = Traces.look(ground, state, hosts)
    dice, running, done = random.Random(7), dict[int, float](), 0
    while done < size.kills or running:
        while done < size.kills and len(running) < 4:
            child = os.fork()
            if child == 0:
                _attempt_in_child(state, ground.spec(f"killed/{done}"))
            hosts.add(child)
            running[child] = time.monotonic() + dice.uniform(0.0, 0.4)
            done += 1
        time.sleep(0.002)
        for child, end in list(running.items()):
            if time.monotonic() >= end:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                del running[child]
    for _ in range(100):  # the kernel takes its time to end the last ones
        if not Traces.look(ground, state, hosts).processes - before.processes:
            break
        time.sleep(0.05)
    asyncio.run(_attempt(state, ground.spec("killed/last"), once=True))  # the next process tidies up after those
    after = Traces.look(ground, state, hosts)
    left = [
        *(f"process {each}" for each in sorted(after.processes - before.processes)),
        *(f"mount {each}" for each in sorted(after.mounts - before.mounts)),
        *(f"control group {each}" for each in sorted(after.groups - before.groups)),
        *(f"file {each}" for each in sorted(after.files - before.files)),
    ]
    report.notes += [f"{who}: left after the kills: {each}" for each in left[:10]]
    report.add(Row(who, f"{size.kills} killed attempts: things left", len(left), "", bar=0))
    shutil.rmtree(attempts, ignore_errors=True)


def _attempt_in_child(state: Path, spec: SandboxSpec) -> None:
    try:
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 2)
        asyncio.run(_attempt(state, spec, once=False))
    finally:
        os._exit(1)


async def _attempt(state: Path, spec: SandboxSpec, *, once: bool) -> None:
    async with Bubblewrap(state).open(spec) as sandbox:
        await sandbox.exec(["sh", "-c", f"echo x > made; (setsid sleep {MARK} &) ; true"], timeout=60)
        while not once:
            await sandbox.exec(["sh", "-c", "sleep 0.01; date >> made"], timeout=60)


async def measure(report: Report, who: str, ground: Ground, size: Size) -> None:
    backend = Bubblewrap(ground.folder / f"sandbox-{who.split()[-1]}")
    await starts_and_commands(report, who, backend, ground, size)
    await diff_of_ten(report, who, backend, ground, size)
    await many_at_once(report, who, backend, ground, size)


async def containers(report: Report, ground: Ground, size: Size) -> None:
    """The same by podman: our own backend, and podman as one uses it."""
    try:
        from journeyman.sandbox.container.containers import Containers
    except ImportError as error:
        report.notes.append(f"container backend: {error}")
        return
    backend = Containers(ground.folder / "containers")
    if problems := backend.probe():
        report.notes.append(f"container backend: {' '.join(problems)[:300]}")
        return
    few = replace(size, starts=max(size.starts // 6, 3), batches=max(size.batches // 6, 1))
    await starts_and_commands(report, "containers", backend, ground, few)


def podman(report: Report, size: Size) -> None:
    if shutil.which("podman") is None:
        report.notes.append("podman is not installed.")
        return
    command = [
        "podman",
        "--runtime",
        "runc",
        "run",
        "--rm",
        "--network",
        "none",
        "--ulimit",
        "nofile=1024",
        "--ulimit",
        "nproc=1024",
    ]
    bare(report, "podman run", [*command, "--rootfs", "/:O", "true"], max(size.starts // 6, 3))


def as_ordinary_user(report: Report, folder: Path, arguments: list[str]) -> None:
    """All of it once more, in a process that is nobody's."""
    if reason := ordinary.missing():
        report.notes.append(f"Not measured as an ordinary user: {reason}.")
        return
    home = folder / "home"
    home.mkdir()
    script = f"{ordinary.PLACE}/repository/benchmarks/sandbox.py"
    words = [script, *arguments, "--json", "--only-journeyman", "--folder", str(home)]
    command = ordinary.ordinary(words, {"repository": ROOT}, home)
    done = subprocess.run(command, cwd="/", stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1) or not done.stdout.strip():
        report.notes.append("The measurement as an ordinary user failed.")
        return
    answer: dict[str, Any] = json.loads(done.stdout)
    for row in answer["rows"]:
        row.pop("passes")
        report.rows.append(Row(**row))
    report.notes += answer["notes"]


def table(report: Report) -> str:
    floor = 0.0
    lines = [f"{'':24} {'':40} {'median':>9} {'p99':>9} {'× floor':>8}  bar"]
    for row in report.rows:
        floor = row.value if row.who == "floor" else floor
        p99 = f"{row.p99:9.2f}" if row.p99 is not None else " " * 9
        times = f"{row.value / floor:8.1f}" if floor and row.unit == "ms" else " " * 8
        bar = ""
        if row.bar is not None:
            bar = f"{'≥' if row.more else '≤'} {row.bar:g} {row.unit}"
            bar += f", p99 ≤ {row.bar_p99:g}" if row.bar_p99 is not None else ""
            bar = f"{'✔' if row.passes else '✘'} {bar}"
        lines.append(
            f"{row.who:24} {f'{row.what} ({row.unit})' if row.unit else row.what:40} "
            f"{row.value:9.2f} {p99} {times}  {bar}"
        )
    return "\n".join([*lines, *report.notes])


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench sandbox", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, in half a minute")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--only-journeyman", action="store_true", help="not podman, nor as another user")
    parser.add_argument("--folder", type=Path, help="where to lay the environment out; default: a temporary folder")
    arguments = parser.parse_args()
    size = Size.quick() if arguments.quick else Size()
    report = Report()
    who = "journeyman as root" if os.geteuid() == 0 else "journeyman as user"
    with tempfile.TemporaryDirectory(prefix="bench-sandbox-", dir=arguments.folder, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        report.say(f"Laying out {size.files} files and {size.packages} MB of packages …")
        ground = lay_out(folder, size)
        bare(report, "floor", ["true"], size.starts)
        bare(report, "bare bubblewrap", bare_bubblewrap(), size.starts)
        report.say(f"{who} …")
        asyncio.run(measure(report, who, ground, size))
        killed_attempts(report, who, ground, size)
        if not arguments.only_journeyman:
            report.say("podman …")
            podman(report, size)
            asyncio.run(containers(report, ground, size))
            if os.geteuid() == 0:
                report.say("As an ordinary user …")
                as_ordinary_user(report, folder, ["--quick"] if arguments.quick else [])
    if arguments.json:
        rows = [{**{name: getattr(row, name) for name in Row.__slots__}, "passes": row.passes} for row in report.rows]
        print(json.dumps({"rows": rows, "notes": report.notes}, ensure_ascii=False))
    else:
        print(table(report))
    return 0 if all(row.passes is not False for row in report.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
