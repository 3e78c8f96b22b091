"""Where a forge is, and which of its repositories an address of git means."""

import base64
import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from journeyman.core.errors import UsageError
from journeyman.core.pull_request import WORDS, ForgeKind
from journeyman.core.text import one_line
from journeyman.forge.protocol import Credential

_SCP = re.compile(r"(?:[\w.-]+@)?(?P<host>[\w.-]+):(?!//)(?P<path>\S+)\Z")
_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?\Z|\.[A-Za-z0-9_-][A-Za-z0-9_.-]*\Z")
_PORTS = {"https": 443, "http": 80}
_LONGEST = 300
_USERS: dict[ForgeKind, str] = {"github": "x-access-token", "gitlab": "oauth2"}
"""Whom git says it is: what counts is the token in place of the password."""


@dataclass(frozen=True, slots=True)
class Place:
    """A forge: its `name` here, the address that people open, and that of its API; both without a slash at the end."""

    name: str
    kind: ForgeKind
    address: str
    api: str

    @property
    def word(self) -> str:
        """What a pull request is called there."""
        return WORDS[self.kind]


def place(kind: ForgeKind, address: str, api: str | None = None) -> Place:
    """The forge at an address. Raises `UsageError` for what is none, or would be spoken to in the clear."""
    at = _checked(address)
    return Place(_name(at), kind, at, _checked(api) if api is not None else _api(kind, at))


def repository_at(forge: Place, remote: str) -> str | None:
    """The path ("owner/name") of the repository that git reaches at `remote`; None where it is not on this forge."""
    here = urlsplit(forge.address)
    if "://" not in remote:
        match = _SCP.match(remote)
        path = match["path"] if match is not None and match["host"].lower() == here.hostname else None
    else:
        path = _path(here, remote)
    if path is None:
        return None
    parts = path.strip("/").removesuffix(".git").split("/")
    fits = len(parts) == 2 if forge.kind == "github" else 2 <= len(parts) <= 21
    return "/".join(parts) if fits and all(_PART.match(part) for part in parts) else None


def credential(forge: Place, token: str) -> Credential:
    """What git signs in with at every repository of a forge."""
    word = base64.b64encode(f"{_USERS[forge.kind]}:{token}".encode()).decode()
    return Credential(forge.address, f"Authorization: Basic {word}")


def is_loopback(host: str) -> bool:
    """Whether only this machine is meant."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of a web address; None for what is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme]


def _path(here: SplitResult, remote: str) -> str | None:
    try:
        there = urlsplit(remote)
    except ValueError:
        return None
    if there.query or there.fragment:
        return None
    if there.scheme == "ssh":
        return there.path if there.hostname == here.hostname else None
    prefix = f"{here.path}/"
    same = origin(remote) is not None and origin(remote) == origin(here.geturl())
    return there.path.removeprefix(prefix) if same and there.path.startswith(prefix) else None


def _checked(address: str) -> str:
    shown = one_line(re.sub(r"//[^/@]*@", "//", address), 200)
    parts, at = urlsplit(address.strip()), origin(address.strip())
    if at is None or parts.username is not None or parts.query or parts.fragment or len(address) > _LONGEST:
        raise UsageError(f"{shown!r} is not the address of a forge; it looks like https://github.com.")
    scheme, host, port = at
    if scheme != "https" and not is_loopback(host):
        raise UsageError(f"{shown} must be reached by https: a token is not sent in the clear.")
    shown_host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown_host}{'' if port == _PORTS[scheme] else f':{port}'}{parts.path.rstrip('/')}"


def _api(kind: ForgeKind, address: str) -> str:
    host = urlsplit(address).hostname or ""
    if kind == "gitlab":
        return f"{address}/api/v4"
    if host == "github.com" or host.endswith(".ghe.com"):
        return f"https://api.{host}"
    return f"{address}/api/v3"


def _name(address: str) -> str:
    return re.sub(r"[^a-z0-9.-]+", "-", address.partition("://")[2].lower()).strip("-.")
