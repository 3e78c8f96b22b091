"""The hosts that this machine's package tools fetch from, asked of the tools themselves.

No index is known here by name. Each tool says where it looks; where an index hands out files of other hosts, one page
of it is read to learn which.
"""

import ast
import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from journeyman.core.value import Value
from journeyman.sandbox.network.address import canonical
from journeyman.sandbox.network.learn import Learner
from journeyman.sandbox.network.policy import show

SECONDS = 15.0
"""For each question to a tool or an index."""
_URL = re.compile(r"https?://[^\s'\"`,|<>]+")


class IndexHosts(Value):
    """Where one tool fetches from: patterns of hosts, and which of them may lie in a private network, since this
    machine's own settings name them. `source` says for a person where that was read, and `problem` what could not be
    learnt this time. Credentials are in none of it."""

    tool: str
    hosts: tuple[str, ...]
    private: tuple[str, ...] = ()
    source: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """Whose settings are read: the environment of the person's programs, and an empty directory to run them in, since
    what lies in a repository must have no say. `late` collects the tools that took too long."""

    environ: Mapping[str, str]
    home: Path
    folder: Path
    seconds: float
    late: set[str] = field(default_factory=set[str])

    async def ask(self, *argv: str, env: Mapping[str, str] | None = None, failing: bool = False) -> str:
        """What a tool prints, errors included if it is `failing` on purpose; empty when it is not there, fails or
        takes too long."""
        program = shutil.which(argv[0], path=self.environ.get("PATH", ""))
        if program is None:
            return ""
        process = await asyncio.create_subprocess_exec(
            program,
            *argv[1:],
            cwd=self.folder,
            env={**self.environ, **(env or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT if failing else asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self.seconds):
                out, _ = await process.communicate()
        except TimeoutError:
            self.late.add(argv[0])
            return ""
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, 9)
                await process.wait()
        return out.decode("utf-8", "replace") if failing or process.returncode == 0 else ""

    def toml(self, file: Path) -> dict[str, Any]:
        try:
            return tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            return {}


@dataclass(frozen=True, slots=True)
class Found:
    """The addresses that a tool was found to use, with credentials; and whose pages tell more hosts."""

    tool: str
    source: str
    urls: tuple[str, ...]


async def package_indexes(
    environ: Mapping[str, str], *, home: Path, learner: Learner, seconds: float = SECONDS
) -> tuple[IndexHosts, ...]:
    """What each tool on the PATH of `environ` fetches from; tools that name no host are left out."""
    with tempfile.TemporaryDirectory(prefix="journeyman-indexes-") as folder:
        machines = [Machine(environ, home, Path(folder), seconds) for _ in TOOLS]
        asked = await asyncio.gather(*(tool(machine) for tool, machine in zip(TOOLS, machines, strict=True)))
    found = await asyncio.gather(
        *(_hosts(each, learner, machine.late) for each, machine in zip(asked, machines, strict=True))
    )
    return tuple(each for each in found if each.hosts or each.problem)


async def _hosts(found: Found, learner: Learner, late: set[str]) -> IndexHosts:
    named: dict[str, str] = {}
    for url in found.urls:
        if (host := host_of(url)) is not None:
            named.setdefault(host, url)
    learnt = await asyncio.gather(*(learner.hosts(found.tool, url) for url in named.values()))
    hosts, private = dict.fromkeys(named), dict.fromkeys(named)
    for each in learnt:
        hosts |= dict.fromkeys(each.hosts)
        private |= dict.fromkeys(each.private)
    problems = [f"{name} did not answer in time." for name in sorted(late)]
    problems += [each.problem for each in learnt if each.problem]
    return IndexHosts(
        tool=found.tool,
        hosts=tuple(hosts),
        private=tuple(private),
        source=found.source,
        problem=" ".join(problems) or None,
    )


def host_of(url: str) -> str | None:
    """The pattern for the host of a web address; None for a file and for what is no address."""
    try:
        parts = urlsplit(url.removeprefix("sparse+"))
        port = parts.port
    except ValueError:
        return None
    host = canonical(parts.hostname or "")
    if parts.scheme not in ("http", "https") or host is None:
        return None
    return show(host, port or (443 if parts.scheme == "https" else 80))


async def _pip(machine: Machine) -> Found:
    configured, text = await asyncio.gather(
        machine.ask("pip", "config", "list"), machine.ask("pip", "install", "--help", env={"COLUMNS": "500"})
    )
    urls: list[str] = []
    has_index = False
    for line in configured.splitlines():
        key, _, written = line.partition("=")
        name = key.rpartition(".")[2]
        if name in ("index-url", "extra-index-url", "find-links"):
            urls += _URL.findall(_literal(written))
            has_index = has_index or name == "index-url"
    source = "pip config list"
    if not has_index:
        found = re.search(r"--index-url\s.*?\(default\s+(\S+?)\)", text, re.DOTALL)
        if found is not None:
            urls += _URL.findall(found[1])
            source = "pip's default" if not urls[1:] else "pip config list, pip's default"
    return Found("pip", source, tuple(urls))


def _literal(written: str) -> str:
    try:
        value: object = ast.literal_eval(written)
    except (ValueError, SyntaxError):
        return written
    return str(value)


async def _uv(machine: Machine) -> Found:
    names = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL")
    urls = [url for name in names for url in _URL.findall(machine.environ.get(name, ""))]
    config = machine.environ.get("XDG_CONFIG_HOME") or str(machine.home / ".config")
    settings = [machine.toml(Path(config) / "uv" / "uv.toml"), machine.toml(Path("/etc/uv/uv.toml"))]
    urls += [url for each in settings for url in _URL.findall(json.dumps(each, default=str))]
    return Found("uv", "UV_* variables, uv.toml", tuple(urls))


async def _npm(machine: Machine) -> Found:
    text = await machine.ask("npm", "config", "list", "--json")
    return Found("npm", "npm config list", tuple(_registries(text)))


def _registries(text: str) -> Iterable[str]:
    try:
        settings: object = json.loads(text or "{}")
    except ValueError:
        return
    if isinstance(settings, dict):
        for key, value in cast(dict[str, object], settings).items():
            if key == "registry" or key.endswith(":registry"):
                yield str(value)


async def _yarn(machine: Machine) -> Found:
    quiet = {"COREPACK_ENABLE_NETWORK": "0", "COREPACK_ENABLE_DOWNLOAD_PROMPT": "0"}
    asked = (("yarn", "npmRegistryServer"), ("yarn", "registry"), ("pnpm", "registry"))
    said = await asyncio.gather(*(machine.ask(tool, "config", "get", key, env=quiet) for tool, key in asked))
    return Found("yarn, pnpm", "yarn and pnpm config get", tuple(url for text in said for url in _URL.findall(text)))


async def _apt(machine: Machine) -> Found:
    text = await machine.ask("apt-get", "update", "--print-uris")
    return Found("apt", "apt-get update --print-uris", tuple(dict.fromkeys(_URL.findall(text))))


async def _cargo(machine: Machine) -> Found:
    """Cargo names its index only in passing: so it is asked to use it, with a proxy that nobody answers at."""
    home = Path(machine.environ.get("CARGO_HOME") or machine.home / ".cargo")
    project = machine.folder / "cargo"
    own = project / "home"
    (project / "src").mkdir(parents=True)
    own.mkdir()
    for name in ("config.toml", "config"):
        if (home / name).is_file():
            (own / name).symlink_to(home / name)
    (project / "src" / "lib.rs").touch()
    (project / "Cargo.toml").write_text('[package]\nname = "a"\nversion = "0.1.0"\n[dependencies]\nb = "1"\n')
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, but not listened at
        proxy = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        quiet = dict.fromkeys(("CARGO_HTTP_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), proxy)
        quiet |= {"CARGO_HOME": str(own), "CARGO_NET_RETRY": "0", "CARGO_TERM_COLOR": "never"}
        manifest = str(project / "Cargo.toml")
        text = await machine.ask("cargo", "fetch", "--manifest-path", manifest, env=quiet, failing=True)
    urls = [url.removesuffix("config.json") for url in _URL.findall(text) if "://127.0.0.1" not in url]
    settings = machine.toml(own / "config.toml") | machine.toml(own / "config")
    for table in ("source", "registries"):
        urls += _URL.findall(json.dumps(settings.get(table, {}), default=str))
    return Found("cargo", "cargo's own words, config.toml", tuple(urls))


async def _go(machine: Machine) -> Found:
    text = await machine.ask("go", "env", "GOPROXY", "GOSUMDB", env={"GOTOOLCHAIN": "local", "GOFLAGS": ""})
    proxies, _, sums = text.partition("\n")
    urls = _URL.findall(proxies)
    name, _, address = sums.strip().partition(" ")
    if urls and name not in ("", "off"):
        urls.append(address.strip() or f"https://{name.partition('+')[0]}")
    return Found("go", "go env GOPROXY GOSUMDB", tuple(urls))


async def _gem(machine: Machine) -> Found:
    text = await machine.ask("gem", "sources", "--list")
    return Found("gem", "gem sources", tuple(_URL.findall(text)))


async def _maven(machine: Machine) -> Found:
    """Maven names its repositories when, offline, it has not got what it is asked for."""
    own = f"-Dmaven.repo.local={machine.folder / 'maven'}"
    text = await machine.ask("mvn", "-B", "-o", own, "journeyman:none", failing=True)
    told = re.search(r"available from the repositories \[(.*)\]", text)
    urls = _URL.findall(told[1].replace(")", " ")) if told else []
    try:
        settings = (machine.home / ".m2" / "settings.xml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        settings = ""
    urls += [match.strip() for match in re.findall(r"<url>\s*([^<]+?)\s*</url>", settings)]
    return Found("maven", "Maven's own words, ~/.m2/settings.xml", tuple(urls))


TOOLS = (_pip, _uv, _npm, _yarn, _apt, _cargo, _go, _gem, _maven)
