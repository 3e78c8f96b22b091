"""Programs that are put together from their parts."""

import subprocess
import sys
from pathlib import Path

import pytest

from journeyman.core.errors import SandboxError
from journeyman.sandbox import plan
from journeyman.sandbox.programs import link


def test_a_program_is_one_file_without_imports_of_ours(tmp_path: Path) -> None:
    for name, fails in (("supervisor", "IndexError"), ("zygote", "OSError")):
        text = link.written(name, tmp_path)
        assert "journeyman.sandbox" not in text.read_text()
        assert link.written(name, tmp_path) == text
        compiled = link.compiled(name, tmp_path)
        assert compiled.suffix == ".pyc"
        for program in (text, compiled):
            command = [str(plan.interpreter()[0]), "-I", "-S", str(program)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert fails in done.stderr  # all of it was read, and what it needs is missing


def test_no_name_means_two_things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.py").write_text("from journeyman.sandbox.programs.two import b\nSAME = 1\n")
    (tmp_path / "two.py").write_text("SAME = 2\nb = 1\n")
    monkeypatch.setattr(link, "HERE", tmp_path)
    with pytest.raises(SandboxError, match="SAME is defined by two and by one"):
        link.source("one")


def test_the_end_of_a_child_is_told_also_before_anybody_waits_for_it() -> None:
    code = """if True:
        import os, select
        from journeyman.sandbox.programs.keeper import children_end
        ended = children_end()
        assert not select.select([ended], [], [], 0)[0]
        child = os.fork() or os._exit(0)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        assert select.select([ended], [], [], 0)[0]
    """
    subprocess.run([sys.executable, "-c", code], check=True)
