"""Finding toolchains in made-up homes. Programs there are empty files: nothing may be run to find out."""

import os
import sys
from pathlib import Path

import pytest

from journeyman.sandbox.protocol import Toolchain
from journeyman.sandbox.toolchains import Survey, find_toolchains, first_python, python_with, reorder, survey


class Machine:
    """A home, a workspace, and Journeyman's own environment made from a Python in /opt-like `python`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home" / "me"
        self.workspace = self.home / "code" / "project"
        self.workspace.mkdir(parents=True)
        self.base = self.python(root / "opt" / "python", "3.12.4")
        self.own = self.environment(root / "own", self.base, "pytest")

    def file(self, path: Path, text: str = "", mode: int = 0o755) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def python(self, prefix: Path, version: str, *modules: str) -> Path:
        minor = ".".join(version.split(".")[:2])
        self.file(prefix / "bin" / f"python{minor}")
        for name in ("python", "python3"):
            (prefix / "bin" / name).symlink_to(f"python{minor}")
        self.file(prefix / "lib" / f"python{minor}" / "os.py")
        self.file(prefix / "lib" / f"python{minor}" / "encodings" / "__init__.py")
        self.file(prefix / "include" / f"python{minor}" / "patchlevel.h", f'#define PY_VERSION "{version}"\n')
        for module in modules:
            self.file(prefix / "lib" / f"python{minor}" / "site-packages" / module / "__init__.py")
        return prefix

    def environment(self, prefix: Path, base: Path, *modules: str) -> Path:
        library = next((base / "lib").glob("python3.*")).name
        self.file(prefix / "pyvenv.cfg", f"home = {base}/bin\ninclude-system-site-packages = false\n")
        (prefix / "bin").mkdir()
        (prefix / "bin" / "python").symlink_to(base / "bin" / "python3")
        (prefix / "bin" / "python3").symlink_to("python")
        for module in modules:
            self.file(prefix / "lib" / library / "site-packages" / module / "__init__.py")
        return prefix

    def node(self, prefix: Path) -> Path:
        self.file(prefix / "bin" / "node")
        self.file(prefix / "include" / "node" / "node.h")
        return prefix

    def survey(self, *path: Path, virtual_env: Path | None = None) -> Survey:
        entries = ":".join(map(str, path))
        return survey(entries, self.workspace, self.home, virtual_env=virtual_env, own_prefix=self.own)

    def found(self, *path: Path, virtual_env: Path | None = None) -> tuple[Toolchain, ...]:
        """What is found beside Journeyman's own, which always comes last."""
        found = self.survey(*path, virtual_env=virtual_env).toolchains
        own = Toolchain(self.own, (self.own / "bin",), "Journeyman's own Python 3.12.4")
        assert own in found
        assert found.index(own) >= len(found) - 2
        return tuple(each for each in found if each not in (own, Toolchain(self.base)))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_bare_machine_has_journeymans_own(machine: Machine) -> None:
    found = find_toolchains(
        "/usr/local/sbin:relative:/nowhere", machine.workspace, machine.home, virtual_env=None, own_prefix=machine.own
    )
    assert found == (
        Toolchain(machine.own, (machine.own / "bin",), "Journeyman's own Python 3.12.4"),
        Toolchain(machine.base),
    )
    assert python_with("pytest", found) == found[0]


def test_the_projects_environment_comes_first(machine: Machine) -> None:
    pyenv = machine.python(machine.home / ".pyenv" / "versions" / "3.11.7", "3.11.7")
    machine.environment(machine.workspace / ".venv", pyenv, "pytest")
    active = machine.environment(machine.home / "active", pyenv)
    assert machine.found(pyenv / "bin", virtual_env=active) == (
        Toolchain(pyenv, (machine.workspace / ".venv" / "bin",), "Python 3.11.7 of the project's .venv"),
        Toolchain(active, (active / "bin",), "Python 3.11.7 of the active virtual environment (~/active)"),
        Toolchain(pyenv, (pyenv / "bin",), "Python 3.11.7 of ~/.pyenv"),
    )
    assert machine.found(virtual_env=machine.own) == machine.found()


@pytest.mark.parametrize(
    "home", ["/", "{home}", "{home}/.ssh", "{root}", "/proc/self/root", "{workspace}/fake", "/etc"]
)
def test_a_hostile_environment_opens_nothing(machine: Machine, home: str) -> None:
    machine.file(machine.home / ".ssh" / "id_ed25519", "secret")
    for prefix in (machine.home, machine.root, machine.workspace / "fake"):
        machine.python(prefix, "3.11.1")
    place = home.format(home=machine.home, root=machine.root, workspace=machine.workspace)
    machine.file(machine.workspace / ".venv" / "pyvenv.cfg", f"home = {place}/bin\n")
    machine.file(machine.workspace / ".venv" / "bin" / "python")
    roots = [each.root for each in machine.found()]
    assert not [root for root in roots if machine.home.is_relative_to(root) or ".ssh" in root.parts]
    assert [root for root in roots if root != Path("/usr")] == []


def test_a_hostile_environment_by_links(machine: Machine) -> None:
    machine.file(machine.home / ".aws" / "credentials", "secret")
    (machine.workspace / ".venv").symlink_to(machine.home / ".aws")
    assert machine.found() == ()
    (machine.workspace / ".venv").unlink()
    (machine.workspace / "base").symlink_to(machine.home / ".aws")
    machine.file(machine.workspace / ".venv" / "pyvenv.cfg", f"home = {machine.workspace}/base/bin\n")
    assert machine.found() == ()
    assert machine.survey().left_out == (
        "~/code/project/.venv is left out: the Python that it was made with is not there.",
    )


def test_pyenv_shims_become_the_version_that_they_run(machine: Machine) -> None:
    pyenv = machine.home / ".pyenv"
    machine.file(pyenv / "shims" / "python")
    for version in ("3.9.1", "3.11.7", "3.11.12", "3.12.1"):
        machine.python(pyenv / "versions" / version, version)
    machine.file(pyenv / "version", "3.12.1\n")

    def versions() -> list[str]:
        return [each.bin[0].parent.name for each in machine.found(pyenv / "shims", pyenv / "shims", pyenv / "bin")]

    assert versions() == ["3.12.1"]
    machine.file(machine.home / "code" / ".python-version", "3.9.1\n")
    assert versions() == ["3.9.1"]
    machine.file(machine.workspace / ".python-version", "3.11\n3.12.1\n")
    assert versions() == ["3.11.12", "3.12.1"]
    machine.file(machine.workspace / ".python-version", "2.7\n")
    assert versions() == ["3.9.1"]
    assert machine.survey(pyenv / "shims").left_out == (
        "Python 2.7, which ~/code/project/.python-version asks for, is not installed in pyenv.",
    )
    machine.file(machine.workspace / ".python-version", "../../../.ssh\n/etc\n..\n")
    assert versions() == ["3.9.1"]
    machine.file(machine.home / "code" / ".python-version", "system\n")
    machine.file(pyenv / "version", "system\n")
    (machine.workspace / ".python-version").unlink()
    assert versions() == []


def test_other_managers(machine: Machine) -> None:
    uv = machine.python(machine.home / ".local/share/uv/python/cpython-3.13.1-linux", "3.13.1")
    (uv.parent / "cpython-3.13-linux").symlink_to(uv.name)
    (machine.home / ".local/bin").mkdir(parents=True)
    (machine.home / ".local/bin/python3").symlink_to(uv / "bin" / "python3.13")
    machine.file(machine.home / ".local/bin/secret-tool")
    conda = machine.python(machine.home / "miniconda3", "3.10.2")
    machine.file(conda / "conda-meta" / "history")
    nvm = machine.node(machine.home / ".nvm/versions/node/v20.11.0")
    fnm = machine.node(machine.home / ".local/share/fnm/node-versions/v22.1.0/installation")
    (machine.root / "shell").symlink_to(fnm)
    volta = machine.home / ".volta"
    machine.file(volta / "bin" / "volta-shim")
    machine.file(volta / "tools/user/platform.json", '{"node": {"runtime": "18.2.0", "npm": null}}')
    machine.node(volta / "tools/image/node/18.2.0")
    go = machine.root / "opt" / "go"
    machine.file(go / "bin" / "go")
    machine.file(go / "VERSION", "go1.22.3\ntime 2024-05-01\n")
    machine.file(go / "src" / "runtime" / "proc.go")
    java = machine.home / ".sdkman/candidates/java/21"
    machine.file(java / "bin" / "java")
    machine.file(java / "release", 'IMPLEMENTOR="X"\nJAVA_VERSION="21.0.2"\n')
    (java / "lib").mkdir()
    entries = (machine.home / ".local/bin", conda, nvm, machine.root / "shell", volta, go, java)
    bins = [entry if entry.name in ("bin", "shell") else entry / "bin" for entry in entries]
    bins[3] = machine.root / "shell" / "bin"
    found = machine.found(*bins)
    assert [(each.bin, each.note) for each in found] == [
        ((uv / "bin",), "Python 3.13.1 of ~/.local/share/uv/python/cpython-3.13.1-linux"),
        ((conda / "bin",), "Python 3.10.2 of ~/miniconda3"),
        ((nvm / "bin",), "Node 20.11.0 of ~/.nvm"),
        ((fnm / "bin",), "Node of ~/.local/share/fnm"),
        ((volta / "tools/image/node/18.2.0/bin",), "Node 18.2.0 of ~/.volta"),
        ((go / "bin",), f"Go 1.22.3 of {go}"),
        ((java / "bin",), "Java 21.0.2 of ~/.sdkman/candidates/java/21"),
    ]
    assert [each.root for each in found] == [each.bin[0].parent for each in found]
    left_out = machine.survey(*bins).left_out
    assert left_out == ("~/.local/bin is left out of PATH: it is not a toolchain that is known.",)


def test_asdf_and_mise(machine: Machine) -> None:
    for root, tools in ((machine.home / ".asdf", "python 3.11.2\nnodejs 20.1.0 # lts\nrust 1.2\n"),):
        machine.python(root / "installs/python/3.11.2", "3.11.2")
        machine.node(root / "installs/nodejs/20.1.0")
        machine.file(root / "shims" / "python")
        machine.file(machine.workspace / ".tool-versions", tools)
    mise = machine.home / ".local/share/mise"
    machine.python(mise / "installs/python/3.12.9", "3.12.9")
    machine.python(mise / "installs/python/3.12.10", "3.12.10")
    (mise / "shims").mkdir()
    found = machine.found(machine.home / ".asdf/shims")
    assert [each.note for each in found] == ["Python 3.11.2 of ~/.asdf", "Node 20.1.0 of ~/.asdf"]
    (machine.workspace / ".tool-versions").unlink()
    machine.file(machine.home / ".config/mise/config.toml", '[tools]\npython = "3.12"\nnode = ["20"]\n')
    assert [each.root.name for each in machine.found(mise / "shims")] == ["3.12.10"]
    machine.file(machine.workspace / "mise.toml", "this is = not [ toml")
    assert [each.root.name for each in machine.found(mise / "shims")] == ["3.12.10"]


def test_rust_without_cargos_credentials(machine: Machine) -> None:
    cargo, rustup = machine.home / ".cargo", machine.home / ".rustup"
    machine.file(cargo / "credentials.toml", "secret")
    for name in ("rustup", "cargo", "ripgrep"):
        machine.file(cargo / "bin" / name)
    machine.file(rustup / "settings.toml", 'default_toolchain = "stable-x86_64-unknown-linux-gnu"\n')
    for name in ("stable", "nightly", "1.75.0"):
        machine.file(rustup / "toolchains" / f"{name}-x86_64-unknown-linux-gnu" / "bin" / "cargo")
    stable = rustup / "toolchains" / "stable-x86_64-unknown-linux-gnu"
    assert machine.found(cargo / "bin") == (Toolchain(stable, (stable / "bin",), "Rust stable of ~/.rustup"),)
    machine.file(machine.workspace / "rust-toolchain.toml", '[toolchain]\nchannel = "1.75.0"\n')
    assert machine.found(cargo / "bin")[0].note == "Rust 1.75.0 of ~/.rustup"
    machine.file(machine.workspace / "rust-toolchain.toml", '[toolchain]\nchannel = "../../.ssh"\n')
    machine.file(machine.workspace / "rust-toolchain", "nightly\n")
    assert machine.found(cargo / "bin")[0].note == "Rust nightly of ~/.rustup"


def test_passwords_beside_a_toolchain_stay_outside(machine: Machine) -> None:
    python = machine.python(machine.home / "py", "3.11.0")
    machine.file(python / "pip.conf", "[global]\nindex = user:hunter2\n")
    node = machine.node(machine.home / ".nvm/versions/node/v20.0.0")
    machine.file(node / "etc" / "npmrc", "token")
    found = machine.found(python / "bin", node / "bin")
    assert {each.root for each in found} == {python / part for part in ("bin", "lib", "include")} | {
        node / part for part in ("bin", "include")
    }
    assert [each.bin for each in found if each.bin] == [(python / "bin",), (node / "bin",)]
    environment = machine.environment(machine.home / "env", machine.base)
    machine.file(environment / "pip.conf", "secret")
    roots = {each.root for each in machine.found(environment / "bin")}
    assert roots == {environment / "bin", environment / "pyvenv.cfg"}


def test_what_is_not_known_stays_outside(machine: Machine) -> None:
    for name in ("bin", "tools/bin", "code/project/node_modules/.bin"):
        machine.file(machine.home / name / "anything")
    entries = (machine.home / "bin", machine.home / "tools/bin", machine.workspace / "node_modules/.bin")
    assert machine.found(*entries) == ()
    assert machine.survey(*entries).left_out == (
        "~/bin is left out of PATH: it is not a toolchain that is known.",
        "~/tools/bin is left out of PATH: it is not a toolchain that is known.",
    )


def test_the_python_with_a_module_goes_first_and_says_so(machine: Machine) -> None:
    plain = machine.python(machine.home / ".pyenv/versions/3.11.7", "3.11.7", "numpy")
    found = machine.survey(plain / "bin").toolchains
    own = python_with("pytest", found)
    assert own is not None
    assert own.root == machine.own
    assert first_python(found) == found[0]
    assert python_with("numpy", found) == found[0]
    assert python_with("nowhere", found) is None
    changed = reorder(found, own, "pytest")
    assert changed[0].bin == own.bin
    assert (
        changed[0].note
        == "Journeyman's own Python 3.12.4, put first for its pytest, which Python 3.11.7 of ~/.pyenv lacks"
    )
    assert changed[1:] == tuple(each for each in found if each != own)
    assert reorder(changed, changed[0], "pytest") == changed
    go = Toolchain(machine.root / "go", (machine.root / "go" / "bin",), "Go")
    assert reorder((go, *found), found[0], "numpy") == (go, *found)


def test_this_machine(tmp_path: Path) -> None:
    """Whatever the machine has: all that is found is there, and the home directory is not in it."""
    home = Path.home()
    found = find_toolchains(os.environ["PATH"], tmp_path, home, virtual_env=None, own_prefix=Path(sys.prefix))
    assert python_with("pytest", found) is not None
    for each in found:
        assert each.root.exists()
        assert not home.is_relative_to(each.root)
        assert all((folder).is_dir() for folder in each.bin)
