"""`journeyman doctor` on this machine, and in surroundings that lack what a sandbox needs."""

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from journeyman.models.local.model_file import MAGIC, QWEN
from tests.conftest import MakeRepository, Program

NO_CALLS = """
    import errno, os, pyseccomp, sys
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in ("unshare", "mount", "setns", "open_tree"):
        rules.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    rules.add_rule(pyseccomp.ERRNO(errno.EPERM), "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, 1 << 28, 1 << 28))
    rules.load()
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""What a container engine does to those that it runs by default."""

NO_NAMESPACES = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'

DEPRIVED = {
    "system calls denied": ([sys.executable, "-c", textwrap.dedent(NO_CALLS)], []),
    "no user namespaces": (["unshare", "--user", "--map-root-user", "sh", "-c", NO_NAMESPACES, "sh"], [sys.executable]),
}


def deprived(program: Program, how: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The program in such surroundings."""
    before, python = DEPRIVED[how]
    command = [*before, *python, "-m", "journeyman.cli.main", *map(str, arguments)]
    return subprocess.run(command, env=program.environ, capture_output=True, text=True, timeout=500)


def found(printed: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in json.loads(printed)["found"]}


async def test_here_everything_needed_works(program: Program) -> None:
    ran = await program.run("doctor", "--json")
    answer = json.loads(ran.out)
    assert (ran.code, answer["works"]) == (0, True)
    each = found(ran.out)
    needed = ("sandbox", "bubblewrap", "user namespaces", "overlayfs", "seccomp", "supervisor", "network")
    assert {name: each[name]["state"] for name in needed} == dict.fromkeys(needed, "works")
    assert all(one["state"] == "works" or one["remedy"] or one["said"] for one in answer["found"])


async def test_a_model_file_that_is_not_whole_is_told(program: Program, tmp_path: Path) -> None:
    file = tmp_path / QWEN.name
    program.env["JOURNEYMAN_CACHE"] = str(tmp_path)
    file.write_bytes(MAGIC)
    shown = (await program.run("doctor")).out
    assert (
        f"✘ weights            the embedded model's file {file} is damaged" in shown and "→ `journeyman fetch`" in shown
    )


@pytest.mark.parametrize("how", sorted(DEPRIVED))
def test_without_namespaces_it_says_so_and_nothing_runs(
    program: Program, make_repository: MakeRepository, how: str
) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("the surroundings are made with util-linux's unshare")
    tried = subprocess.run(["unshare", "--user", "--map-root-user", "true"], capture_output=True)
    if how == "no user namespaces" and tried.returncode:
        pytest.skip("this machine itself has no user namespaces for this user")
    told = deprived(program, how, "doctor", "--json")
    assert told.returncode == 1, told
    each = found(told.stdout)
    assert {
        name: each[name]["state"] for name in ("sandbox", "user namespaces", "bubblewrap backend")
    } == dict.fromkeys(("sandbox", "user namespaces", "bubblewrap backend"), "missing")
    assert each["bubblewrap"]["state"] == each["supervisor"]["state"] == "works"
    remedy = each["user namespaces"]["remedy"]
    assert "max_user_namespaces" in remedy
    shown = deprived(program, how, "doctor").stdout
    assert "✘ user namespaces" in shown
    assert f"→ {remedy}" in shown
    folder = make_repository({"a.txt": "one\n"})
    ran = deprived(program, how, "sandbox", "--backend", "bubblewrap", "-C", folder, "--", "touch", "made")
    assert (ran.returncode, remedy in ran.stderr, (folder / "made").exists()) == (125, True, False), ran
