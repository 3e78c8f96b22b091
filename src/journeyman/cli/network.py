"""The way out of sandboxes on this machine: its own proxy, if it has to use one, and its own package indexes."""

import asyncio
import hashlib
import json
import os
import re
import shlex
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from pydantic import TypeAdapter, ValidationError

from journeyman.attempt.host import Brokered, OpenGateway
from journeyman.cli.door import Door
from journeyman.core.environment import NetworkPolicy, Refusal
from journeyman.core.value import Value
from journeyman.sandbox.protocol import Gateway

if TYPE_CHECKING:
    from journeyman.sandbox.network.dial import Via
    from journeyman.sandbox.network.indexes import IndexHosts

FRESH = 600.0
"""Seconds for which what the package tools said about their indexes is taken as it is."""
_SETS = re.compile(r"(?i)(?:PIP|UV|NPM|YARN|GO|CARGO|RUSTUP|GEM|BUNDLE|MAVEN|XDG|HTTPS?_|ALL_|NO_PROXY|HOME\Z|PATH\Z)")
"""Variables that package tools are set by."""
_FILES = (
    *("/etc/pip.conf", "/etc/xdg/pip/pip.conf", "/etc/npmrc", "/etc/apt/sources.list", "/etc/apt/sources.list.d"),
    *("~/.pip/pip.conf", "~/.config/pip/pip.conf", "~/.npmrc", "~/.yarnrc", "~/.yarnrc.yml", "~/.cargo/config.toml"),
    *("~/.config/go/env", "~/.config/uv/uv.toml", "~/.m2/settings.xml", "~/.gemrc"),
)
_PIP = re.compile(r"^(global|install|:env:)\.(index-url|extra-index-url|trusted-host)=(.*)$", re.MULTILINE)


def way_out(door: Door) -> OpenGateway:
    """Opens gateways that go out as this machine does."""

    @asynccontextmanager
    async def open_(
        policy: NetworkPolicy, brokered: Brokered, refused: Callable[[Refusal], None]
    ) -> AsyncGenerator[Gateway | None]:
        from journeyman.sandbox.network.broker import Broker
        from journeyman.sandbox.network.gateway import open_gateway

        via = _via(door.environ)
        async with open_gateway(
            policy,
            on_refusal=refused,
            state=door.state / "gateways",
            indexes=await _indexes(door, via) if policy.indexes else (),
            broker=Broker(brokered) if brokered else None,
            via=via,
        ) as gateway:
            yield gateway

    return open_


def _via(environ: Mapping[str, str]) -> "Via | None":
    names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy")
    url = next((environ[name] for name in names if environ.get(name)), None)
    if url is None:
        return None
    from journeyman.sandbox.network.dial import Via

    direct = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    return Via.of(url, tuple(part.strip() for part in direct.split(",") if part.strip()))


async def _indexes(door: Door, via: "Via | None") -> "Sequence[IndexHosts]":
    from journeyman.sandbox.network.authority import system_roots
    from journeyman.sandbox.network.indexes import IndexHosts, package_indexes
    from journeyman.sandbox.network.learn import Learner

    class Known(Value):
        at: float
        settings: str
        indexes: tuple[IndexHosts, ...]

    file, settings = door.state / "indexes.json", _settings(door)
    try:
        known = Known.model_validate_json(file.read_bytes())
        if 0 <= time.time() - known.at < FRESH and known.settings == settings:
            return known.indexes
    except (OSError, ValidationError):
        pass  # it is asked for again
    found = await package_indexes(door.environ, home=door.home, learner=Learner(roots=system_roots(), via=via))
    if any(each.problem for each in found):
        return found  # it is asked for again next time
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.write_text(Known(at=time.time(), settings=settings, indexes=found).model_dump_json())
    fresh.replace(file)
    return found


def _settings(door: Door) -> str:
    """A hash of what package tools are set by: when it changes they are asked anew."""
    said: list[str] = sorted(f"{name}={value}" for name, value in door.environ.items() if _SETS.match(name))
    for name in _FILES:
        file = Path(name.replace("~", str(door.home), 1))
        said.append(f"{file} {file.stat().st_mtime_ns if file.exists() else 0}")
    return hashlib.sha256("\0".join(said).encode("utf-8", "surrogateescape")).hexdigest()


async def index_variables(door: Door) -> Mapping[str, str]:
    """Variables that point package tools inside to the indexes that this machine uses, without any credentials.

    Only what differs from a tool's own default is told; an index that is a folder of the machine is left out.
    """
    from journeyman.sandbox.network.indexes import SECONDS, Machine

    machine = Machine(door.environ, door.home, Path("/"), SECONDS)
    pip, pip3, registry, go_says = await asyncio.gather(
        machine.ask("pip", "config", "list"),
        machine.ask("pip3", "config", "list"),
        machine.ask("npm", "config", "get", "registry"),
        machine.ask("go", "env", "-json"),
    )
    found = pip_variables(pip or pip3)
    if (url := without_credentials(registry.strip())) is not None:
        found["npm_config_registry"] = url
    try:
        go = TypeAdapter(dict[str, str]).validate_python(json.loads(go_says or "{}"))
    except (ValueError, ValidationError):
        go = {}
    for name in ("GOPROXY", "GONOSUMDB", "GOPRIVATE", "GONOPROXY", "GOSUMDB"):
        if go.get(name) and "@" not in go[name]:
            found[name] = go[name]
    return found


def pip_variables(listed: str) -> dict[str, str]:
    found: dict[str, str] = {}
    ranks = ("global", "install", ":env:")  # a later one goes over an earlier one
    for _, name, quoted in sorted(_PIP.findall(listed), key=lambda found: ranks.index(found[0])):
        words = " ".join(shlex.split(quoted)).split()
        if name == "trusted-host":
            found["PIP_TRUSTED_HOST"] = " ".join(words)
        elif urls := [url for url in map(without_credentials, words) if url is not None]:
            found[f"PIP_{name.upper().replace('-', '_')}"] = " ".join(urls)
            uv = "UV_DEFAULT_INDEX" if name == "index-url" else "UV_INDEX"
            found[uv] = " ".join(urls)
    return found


def without_credentials(url: str) -> str | None:
    """An address without its credentials; None for what is none of the web's."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
