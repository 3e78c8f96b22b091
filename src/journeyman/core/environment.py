"""Environments: a repository and how to work in it, as a person writes it in `environment.toml` or stores it.

name = "shop"
checks = ["pytest -q"]
cache_hours = 12

[base]
image = "docker.io/library/python:3.12"    # without it: the host's toolchains

[setup]
script = "pip install -r requirements.txt"
network = { access = "allow-list", indexes = true }

[maintenance]
script = "pip install -r requirements.txt"  # on reuse of what set-up left

[attempt]
network = { access = "off" }

[variables]
TZ = "UTC"

[secrets.NPM_TOKEN]
kind = "setup"                              # gone before the attempt
[secrets.API_KEY]
kind = "brokered"                           # the process sees a dummy, the proxy puts the real one in
hosts = ["api.example.com"]

[limits]
memory_bytes = 2147483648
"""

from typing import Literal

from pydantic import Field

from journeyman.core.task import Limits
from journeyman.core.value import Value

Phase = Literal["setup", "maintenance", "attempt"]

RESERVED = ("ready", "auto", "off")
"""What a person may call for that is no name: what is ready or written down; also what is detected; none."""


class NetworkPolicy(Value):
    """Which requests leave a sandbox.

    `hosts` are patterns: `example.com` is that host, `*.example.com` its sub-domains, `**.example.com` both. `denied`
    ones win. `indexes` adds the hosts that the machine's own package tools are set to. `methods` "read" lets GET, HEAD
    and OPTIONS through. `private` are hosts or addresses of private networks that are allowed all the same.
    """

    access: Literal["off", "allow-list", "on"] = "off"
    hosts: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    indexes: bool = False
    methods: Literal["all", "read"] = "all"
    private: tuple[str, ...] = ()


class EnvironmentBase(Value):
    """What commands run on: a container image, or, without one, the toolchains of the host."""

    image: str | None = None


class Script(Value):
    """What is run with bash in the repository's root before an attempt, and with which network."""

    script: str = ""
    network: NetworkPolicy = NetworkPolicy()


class AttemptPhase(Value):
    network: NetworkPolicy = NetworkPolicy()


class SecretBinding(Value):
    """A secret that the environment uses by its name; its value is stored apart, encrypted.

    "setup": a variable of set-up and maintenance, gone before the attempt. "brokered": the variable holds a dummy, in
    whose place the proxy puts the value on requests to `hosts`.
    """

    kind: Literal["setup", "brokered"]
    hosts: tuple[str, ...] = ()


class Environment(Value):
    """A repository and how to work in it. `repository` is set where it is stored."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    repository: str | None = None
    base: EnvironmentBase = EnvironmentBase()
    setup: Script = Script()
    maintenance: Script = Script()
    attempt: AttemptPhase = AttemptPhase()
    variables: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, SecretBinding] = Field(default_factory=dict)
    limits: Limits = Limits()
    checks: tuple[str, ...] = ()
    cache_hours: float = Field(default=12.0, gt=0, le=24 * 30)


class EnvironmentUse(Value):
    """The environment of an attempt, as it was chosen when the attempt was made.

    `source` is where it comes from; `summary` says that for a person. `asks` are things that the repository's own file
    wants and that nobody has approved, so `environment` is without them. `build` is whether set-up is to be run where
    nothing is ready. `files` are those that set-up depends on: path and git's id of the content.
    """

    environment: Environment
    source: Literal["repository", "stored", "detected"]
    summary: str = ""
    asks: tuple[str, ...] = ()
    build: bool = True
    files: tuple[tuple[str, str], ...] = ()


class Refusal(Value):
    """A request that the network policy did not let through. `reason` is a sentence, `remedy` the host pattern that
    would allow it, None where nothing would."""

    host: str
    port: int
    method: str
    reason: str
    remedy: str | None = None


UNTRIED = "The self-test did not run to its end"
"""How the words of a try begin that was not made."""


class BypassProbe(Value):
    """One try to get around the proxy, made inside when the network was opened, and whether it was held."""

    name: str
    held: bool
    said: str = ""

    @property
    def tried(self) -> bool:
        """Whether the try was made at all, or at least told."""
        return self.held or not self.said.startswith(UNTRIED)
