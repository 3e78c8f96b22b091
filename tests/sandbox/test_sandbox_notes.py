"""Which limit was hit, in words."""

from pathlib import Path

import pytest

from journeyman.sandbox import cgroups, notes
from journeyman.sandbox.cgroups import Counts
from journeyman.sandbox.protocol import SandboxSpec

SPEC = SandboxSpec(workspace=Path("/w"), lower=(), cpus=1.5, cpu_seconds=10, processes=7, open_files=9)


def test_the_kernel_is_believed_about_memory_and_time() -> None:
    assert notes.cut(137, Counts(memory_kills=1), 1, SPEC) == "memory"
    assert notes.cut(137, Counts(), 1, SPEC) is None
    assert notes.cut(152, Counts(), 11, SPEC) == "cpu"
    assert notes.cut(152, Counts(), 0.001, SPEC) is None  # it cannot have used that much: the number is its own


@pytest.mark.parametrize(
    ("code", "cut", "hits", "output", "words"),
    [
        (0, None, Counts(), b"Too many open files", ""),
        (1, None, Counts(), b"x: Too many open files", "at most 9 files open (limits.open_files)"),
        (1, None, Counts(refused_processes=3), b"", "7 processes and threads (limits.processes)"),
        (1, None, Counts(), b"fork: Resource temporarily unavailable", "7 processes and threads (limits.processes)"),
        (2, None, Counts(memory_kills=1), b"", "4 GB (limits.memory_bytes)"),
        (None, "time", Counts(held_back=5.0), b"", "1.5 processors (limits.cpus)"),
        (None, "time", Counts(held_back=0.1), b"", ""),
        (1, None, Counts(), b"cp: No space left on device", "8 GB may be written (limits.disk_bytes)"),
        (137, None, Counts(), b"", "10 s of processor time (limits.cpu_seconds)"),
    ],
)
def test_each_limit_has_a_sentence(code: int | None, cut: str | None, hits: Counts, output: bytes, words: str) -> None:
    said = notes.about(code if code is not None else 137, cut, hits, 10.0, output, SPEC)
    assert len(said) == (1 if words else 0), said
    assert words in "".join(said)


def test_sizes_are_for_people() -> None:
    assert [notes.amount(size) for size in (4 << 30, 1536 << 20, 5 << 20, 2048, 9)] == [
        "4 GB",
        "1.5 GB",
        "5 MB",
        "2 kB",
        "9 bytes",
    ]


def test_a_share_of_the_processors_is_written_for_both_versions(tmp_path: Path) -> None:
    for folder in (tmp_path / "2", tmp_path / "2" / "journeyman"):
        folder.mkdir()
        (folder / "cgroup.controllers").write_text("cpu memory pids\n")
        (folder / "cgroup.subtree_control").write_text("cpu memory pids\n")
    second = cgroups.Group.open("7-x", memory_bytes=1, processes=5, cpus=1.5, root=tmp_path / "2")
    assert second is not None
    assert (second.folders[0] / "cpu.max").read_text() == "150000 100000"
    for name in ("memory", "pids", "cpu"):
        (tmp_path / "1" / name).mkdir(parents=True)
    first = cgroups.Group.open("7-x", memory_bytes=1, processes=5, cpus=0.5, root=tmp_path / "1")
    assert first is not None
    assert [folder.parent.parent.name for folder in first.folders] == ["memory", "pids", "cpu"]
    assert (first.folders[2] / "cpu.cfs_quota_us").read_text() == "50000"
    (first.folders[2] / "cpu.stat").write_text("nr_periods 4\nnr_throttled 2\nthrottled_time 2500000000\n")
    (first.folders[1] / "pids.events").write_text("max 3\n")
    assert first.counts().since(Counts(refused_processes=1)) == Counts(0, 2, 2.5)
