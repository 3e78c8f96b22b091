"""Which limit a command ran into, in words for the model and the person, with its size and how it is raised.

Only what can be known is claimed: what the kernel counted, or what the output itself says.
"""

import os
import signal
from collections.abc import Iterator

from journeyman.sandbox.cgroups import Counts
from journeyman.sandbox.protocol import SandboxSpec

SLOWED = 0.2
"""The part of a command's time that it has to be held back before that is worth a word."""


def cut(code: int, hits: Counts, seconds: float, spec: SandboxSpec) -> str | None:
    """The limit by which the kernel ended a command that has the exit code `code`, if it is sure."""
    if code == 128 + signal.SIGKILL and hits.memory_kills:
        return "memory"
    enough = spec.cpu_seconds and seconds * (os.cpu_count() or 1) >= spec.cpu_seconds
    if code == 128 + signal.SIGXCPU and enough:
        return "cpu"
    return None


def about(
    code: int, cut: str | None, hits: Counts, seconds: float, output: bytes, spec: SandboxSpec
) -> tuple[str, ...]:
    """Sentences about limits that a command ran into; `output` is the end of what it wrote."""
    return tuple(_sentences(code, cut, hits, seconds, output, spec))


def _sentences(
    code: int, cut: str | None, hits: Counts, seconds: float, output: bytes, spec: SandboxSpec
) -> Iterator[str]:
    processes = f"{spec.processes} processes and threads (limits.processes)"
    if hits.refused_processes:
        yield f"It was refused new processes: all that runs in the sandbox may be at most {processes}."
    if hits.memory_kills and cut != "memory":
        yield (
            "One of its processes was killed for want of memory: the sandbox has "
            f"{amount(spec.memory_bytes)} (limits.memory_bytes)."
        )
    if cut == "time" and spec.cpus and hits.held_back > SLOWED * seconds:
        yield f"It was held back for {hits.held_back:.1f} s: it may use {spec.cpus:g} processors (limits.cpus)."
    if code == 0 or cut:
        return
    memory = f"a process may have at most {amount(spec.memory_bytes)} of memory (limits.memory_bytes)"
    sayings = [
        ("Too many open files", f"a process may have at most {spec.open_files} files open (limits.open_files)"),
        (
            "No space left on device",
            f"{amount(spec.disk_bytes)} may be written (limits.disk_bytes), less in memory (/tmp)",
        ),
        ("File too large", f"a file may be at most {amount(spec.disk_bytes)} (limits.disk_bytes)"),
        ("Cannot allocate memory", memory),
        ("MemoryError", memory),
    ]
    if not hits.refused_processes:
        sayings.append(("Resource temporarily unavailable", f"all that runs here may be at most {processes}"))
    for words, limit in sayings:
        if words.encode() in output:
            yield f"It said “{words}”; in this sandbox {limit}."
    if spec.cpu_seconds and code == 128 + signal.SIGKILL and not hits.memory_kills:
        yield f"It was killed; a process may use {spec.cpu_seconds} s of processor time (limits.cpu_seconds)."


def amount(size: int) -> str:
    """A size for people: 4 GB, 512 MB."""
    for unit, power in (("GB", 30), ("MB", 20), ("kB", 10)):
        if size >= 1 << power:
            return f"{size / (1 << power):.4g} {unit}"
    return f"{size} bytes"
