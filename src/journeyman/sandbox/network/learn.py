"""Which hosts an index hands its files out from, read from one page of it."""

import asyncio
import json
import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from journeyman.sandbox.network.address import canonical, literal, reserved
from journeyman.sandbox.network.policy import show

if TYPE_CHECKING:
    import httpx

    from journeyman.sandbox.network.dial import Via

PAGE_LIMIT = 8 * 1024 * 1024
_LINK = re.compile(r"""href\s*=\s*["']([^"'#]+)""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Learnt:
    """Patterns of hosts, and which of them may lie in a private network, as their index does itself; or why it could
    not be asked."""

    hosts: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    problem: str | None = None


class Learner:
    """Reads pages of indexes with this machine's trust (`roots`, a file) and way out (`via`)."""

    def __init__(self, *, roots: Path, via: "Via | None" = None, seconds: float = 15.0) -> None:
        self._roots = roots
        self._via = via
        self._seconds = seconds

    async def hosts(self, tool: str, url: str) -> Learnt:
        """The other hosts that the index at `url` sends a tool to; none for tools that are not sent elsewhere."""
        import httpx

        found: dict[str, None] = {}
        for page, links in _PAGES.get(tool, ()):
            try:
                text, passed = await self._get(urljoin(url.removeprefix("sparse+").rstrip("/") + "/", page))
            except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError):
                host = urlsplit(url).hostname
                return Learnt(problem=f"{host} could not be asked, so the hosts of its files are not known.")
            if text:
                found = dict.fromkeys(_patterns((*passed, *(urljoin(passed[-1], link) for link in links(text)))))
                break
        own = urlsplit(url.removeprefix("sparse+"))
        if not found or not await self._is_private(own.hostname or ""):
            return Learnt(tuple(found))
        return Learnt(tuple(found), tuple(host for host in found if literal(host.strip("[]")) is None))

    async def _get(self, url: str) -> tuple[str, tuple[str, ...]]:
        """A page, and the addresses that led to it, the last one its own; empty where there is none."""
        async with asyncio.timeout(self._seconds), self._client(url) as client, client.stream("GET", url) as response:
            if response.status_code != 200:
                return "", ()
            data = bytearray()
            async for piece in response.aiter_bytes():
                data += piece
                if len(data) > PAGE_LIMIT:
                    break
            passed = tuple(str(each.url) for each in (*response.history, response))
            return data.decode("utf-8", "replace"), passed

    def _client(self, url: str) -> "httpx.AsyncClient":
        import httpx

        from journeyman.sandbox.network.dial import trusting

        proxy = None
        host = canonical(urlsplit(url).hostname or "") or ""
        if self._via is not None and self._via.leads_to(host):
            scheme = "https" if self._via.tls else "http"
            headers = {"Proxy-Authorization": self._via.credentials} if self._via.credentials else None
            proxy = httpx.Proxy(f"{scheme}://{self._via.host}:{self._via.port}", headers=headers)
        return httpx.AsyncClient(
            verify=trusting(self._roots), proxy=proxy, follow_redirects=True, timeout=self._seconds, trust_env=False
        )

    async def _is_private(self, host: str) -> bool:
        import ipaddress

        try:
            async with asyncio.timeout(self._seconds):
                found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError):
            return False
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        return any(reserved(address) is not None for address in addresses)


def _patterns(urls: Iterable[str]) -> Iterable[str]:
    for url in urls:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            continue
        host = canonical(parts.hostname or "")
        if parts.scheme in ("http", "https") and host is not None:
            yield show(host, port or (443 if parts.scheme == "https" else 80))


def _links(text: str) -> list[str]:
    return _LINK.findall(text)


def _tarball(text: str) -> list[str]:
    return [value for value in (_member(text, "dist", "tarball"),) if value]


def _downloads(text: str) -> list[str]:
    """What a Cargo index says of its files: an address with places to fill in."""
    return [re.sub(r"\{[^}]*\}", "x", value) for value in (_member(text, "dl"), _member(text, "api")) if value]


def _member(text: str, *keys: str) -> str | None:
    try:
        value: Any = json.loads(text)
        for key in keys:
            value = value[key]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return value if isinstance(value, str) else None


_PYTHON = tuple((f"{project}/", _links) for project in ("pip", "setuptools", "wheel"))
_PAGES: dict[str, tuple[tuple[str, Callable[[str], list[str]]], ...]] = {
    "pip": _PYTHON,
    "uv": _PYTHON,
    "npm": (("npm/latest", _tarball),),
    "yarn, pnpm": (("npm/latest", _tarball),),
    "cargo": (("config.json", _downloads),),
}
