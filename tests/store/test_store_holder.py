import os
import subprocess
import sys
from pathlib import Path

import pytest

from journeyman.store import holder


def test_this_process_is_alive() -> None:
    assert not holder.is_dead(holder.this_process())
    assert holder.describe(holder.this_process()) == f"process {os.getpid()} on {os.uname().nodename}"


def test_a_process_is_dead_when_it_is_gone_or_a_zombie() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "from journeyman.store.holder import *; print(this_process(), flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdin, child.stdout:
        theirs = child.stdout.readline().strip()
        assert not holder.is_dead(theirs)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert holder.is_dead(theirs)  # a zombie
        child.wait()
        assert holder.is_dead(theirs)


def test_a_later_process_of_the_same_number_is_another() -> None:
    host, pid, word = holder.this_process().split(" ")
    place, _, started = word.rpartition(".")
    assert holder.is_dead(f"{host} {pid} {place}.{int(started) - 1}")


@pytest.mark.parametrize(
    "elsewhere",
    [
        "host 999999999 another-boot.pid:[4026531836].12",
        "a name with blanks 1 x.y.z",
        "nonsense",
        "",
    ],
)
def test_nobody_is_declared_dead_from_afar(elsewhere: str) -> None:
    assert not holder.is_dead(elsewhere)


def test_without_proc_nobody_is_declared_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holder, "PROC", tmp_path)
    assert not holder.is_dead(holder.this_process())
    assert not holder.is_dead("host 999999999 .")


def test_a_name_with_brackets_does_not_hide_the_start_time(tmp_path: Path) -> None:
    program = tmp_path / "odd) S 1 (name"
    program.symlink_to(sys.executable)
    code = "from journeyman.store.holder import *; print(is_dead(this_process()), this_process())"
    env = {**os.environ, "PYTHONPATH": ":".join(sys.path)}  # by this name it does not find the environment it is of
    answer = subprocess.run([program, "-c", code], capture_output=True, text=True, check=True, env=env)
    verdict, *words = answer.stdout.split()
    assert verdict == "False"
    assert words[-1].rpartition(".")[2].isdigit()
