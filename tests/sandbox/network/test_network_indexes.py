"""Package indexes, asked of real tools that are set to servers of the test's own."""

import json
import os
import shlex
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from journeyman.sandbox.network.dial import Via
from journeyman.sandbox.network.indexes import IndexHosts, host_of, package_indexes
from journeyman.sandbox.network.learn import Learner
from tests.sandbox.network.world import Server, http_server, ok, trust_in


class AskTools:
    """A machine with a few tools on its PATH and an empty home."""

    def __init__(self, folder: Path, learner: Learner) -> None:
        self.home = folder / "home"
        self.path = folder / "bin"
        self.home.mkdir()
        self.path.mkdir()
        self.learner = learner

    def tool(self, name: str, *command: str) -> None:
        program = self.path / name
        words = shlex.join(command)
        program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        program.chmod(0o755)

    async def ask(self, **environ: str) -> dict[str, IndexHosts]:
        known = {
            "PATH": str(self.path),
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home),
            "PIP_CONFIG_FILE": os.devnull,
            **environ,
        }
        found = await package_indexes(known, home=self.home, learner=self.learner, seconds=60)
        return {each.tool: each for each in found}


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    return trust_in(tmp_path).roots


@pytest.fixture
def machine(tmp_path: Path, roots: Path) -> AskTools:
    return AskTools(tmp_path, Learner(roots=roots))


@pytest.fixture
async def index() -> AsyncIterator[Server]:
    """A server that answers for every kind of index; files lie elsewhere."""

    async with http_server() as server:
        pages = {
            "/simple/pip/": '<a href="http://files.example:8080/pip-1.whl#sha256=00">x</a><a href="../rel">y</a>',
            "/npm/latest": json.dumps({"dist": {"tarball": "https://tarballs.example/npm.tgz"}}),
            "/config.json": json.dumps({"dl": "https://crates.example/{crate}/{version}", "api": None}),
        }

        def respond(asked: object) -> bytes:
            page = pages.get(server.asked[-1].line.split()[1])
            return ok(page.encode()) if page else ok(b"", status="404 Not found")

        server.respond = respond
        yield server


async def test_pip(machine: AskTools, index: Server) -> None:
    machine.tool("pip", sys.executable, "-m", "pip")
    url = f"http://user:geheim@localhost:{index.port}/simple"
    found = await machine.ask(PIP_INDEX_URL=url, PIP_FIND_LINKS="file:///opt/wheels http://127.0.0.2:1/links")
    place = f"localhost:{index.port}"
    assert set(found["pip"].hosts) == {place, "127.0.0.2:1", "files.example:8080"}
    assert set(found["pip"].private) == {place, "127.0.0.2:1", "files.example:8080"}  # as the index is private itself
    assert found["pip"].source == "pip config list"
    assert index.asked[0].headers["authorization"].startswith("Basic ")
    assert "geheim" not in str(found)


async def test_what_pip_has_built_in(machine: AskTools, tmp_path: Path, roots: Path) -> None:
    machine.tool("pip", sys.executable, "-m", "pip")
    machine.learner = Learner(roots=roots, via=Via("127.0.0.1", 1))  # nothing is asked of it
    [found] = (await machine.ask()).values()
    assert (found.tool, found.source, len(found.hosts)) == ("pip", "pip's default", 1)
    assert "." in found.hosts[0]
    assert found.problem == f"{found.hosts[0]} could not be asked, so the hosts of its files are not known."


async def test_uv(machine: AskTools, index: Server) -> None:
    (machine.home / "uv").mkdir()
    (machine.home / "uv" / "uv.toml").write_text('[[index]]\nurl = "http://127.0.0.3:1/simple"\n')
    found = await machine.ask(UV_DEFAULT_INDEX=f"http://localhost:{index.port}/simple")
    assert set(found["uv"].hosts) == {f"localhost:{index.port}", "127.0.0.3:1", "files.example:8080"}


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
async def test_npm_with_a_registry_of_a_scope(machine: AskTools, index: Server) -> None:
    machine.tool("npm", str(shutil.which("node")), os.path.realpath(str(shutil.which("npm"))))
    (machine.home / ".npmrc").write_text(
        f"registry=http://localhost:{index.port}/\n@team:registry=http://127.0.0.4:1/npm/\n"
        "//127.0.0.4:1/npm/:_authToken=geheim\n"
    )
    found = await machine.ask()
    assert set(found["npm"].hosts) == {f"localhost:{index.port}", "127.0.0.4:1", "tarballs.example"}
    assert "geheim" not in str(found)


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs apt")
async def test_apt(machine: AskTools) -> None:
    (machine.path / "apt-get").symlink_to(str(shutil.which("apt-get")))
    parts = machine.home / "sources.list.d"
    parts.mkdir()
    (machine.home / "sources.list").write_text("deb [trusted=yes] http://one.example/debian stable main\n")
    (parts / "two.sources").write_text(
        "Types: deb\nURIs: https://two.example:8443/debian\nSuites: stable\nComponents: main\nTrusted: yes\n"
    )
    (machine.home / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{machine.home}/sources.list";\nDir::Etc::sourceparts "{parts}";\n'
    )
    found = await machine.ask(APT_CONFIG=str(machine.home / "apt.conf"))
    assert set(found["apt"].hosts) == {"one.example", "two.example:8443"}


@pytest.mark.skipif(shutil.which("cargo") is None, reason="needs cargo")
@pytest.mark.parametrize("configured", [True, False])
async def test_cargo(machine: AskTools, roots: Path, index: Server, configured: bool) -> None:
    (machine.path / "cargo").symlink_to(str(shutil.which("cargo")))
    rustup = {"RUSTUP_HOME": os.environ.get("RUSTUP_HOME") or str(Path.home() / ".rustup")}
    if not configured:  # cargo's own default, which it tells by trying
        machine.learner = Learner(roots=roots, via=Via("127.0.0.1", 1))
        found = await machine.ask(**rustup)
        assert len(found["cargo"].hosts) == 1 and "." in found["cargo"].hosts[0]
        return
    (machine.home / ".cargo").mkdir()
    (machine.home / ".cargo" / "config.toml").write_text(
        '[source.crates-io]\nreplace-with = "near"\n'
        f'[source.near]\nregistry = "sparse+http://localhost:{index.port}/"\n'
        '[registries.team]\nindex = "sparse+http://127.0.0.5:1/index/"\n'
    )
    found = await machine.ask(**rustup)
    assert set(found["cargo"].hosts) == {f"localhost:{index.port}", "127.0.0.5:1", "crates.example"}


async def test_go_and_maven_and_what_says_nothing(machine: AskTools) -> None:
    # what `go env GOPROXY GOSUMDB` prints; go itself need not be here
    machine.tool(
        "go", "/bin/sh", "-c", "echo 'https://user:geheim@mods.example|https://b.example,direct'; echo sum.example"
    )
    machine.tool("gem", "false")
    (machine.home / ".m2").mkdir()
    (machine.home / ".m2" / "settings.xml").write_text("<mirror><url> https://maven.example/all </url></mirror>")
    found = await machine.ask()
    assert {tool: set(each.hosts) for tool, each in found.items()} == {
        "go": {"mods.example", "b.example", "sum.example"},
        "maven": {"maven.example"},
    }
    assert "geheim" not in str(found)


@pytest.mark.skipif(shutil.which("mvn") is None, reason="needs Maven")
async def test_maven_tells_its_default(machine: AskTools) -> None:
    machine.tool("mvn", str(shutil.which("env")), "PATH=/usr/bin:/bin", str(shutil.which("mvn")))
    [found] = (await machine.ask()).values()
    assert found.tool == "maven" and all("." in host for host in found.hosts)


async def test_a_tool_that_hangs_is_given_up(machine: AskTools) -> None:
    machine.tool("gem", "/bin/sh", "-c", "while :; do /bin/sleep 100; done")
    machine.tool("go", "/bin/sh", "-c", "echo https://mods.example; echo off")
    found = await package_indexes({"PATH": str(machine.path)}, home=machine.home, learner=machine.learner, seconds=0.5)
    problems = {each.tool: (each.hosts, each.problem) for each in found}
    assert problems["gem"] == ((), "gem did not answer in time.")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://a.example/simple", "a.example"),
        ("http://a.example:80/", "a.example"),
        ("http://u:p@A.example:8080/x", "a.example:8080"),
        ("sparse+https://a.example/", "a.example"),
        ("http://[::1]:8080/", "[::1]:8080"),
        ("file:///opt/wheels", None),
        ("http://a b/", None),
        ("http://a.example:99999/", None),
    ],
)
def test_hosts_of_addresses(url: str, host: str | None) -> None:
    assert host_of(url) == host
