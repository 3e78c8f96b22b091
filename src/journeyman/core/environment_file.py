"""`environment.toml`: read, written, and what of a repository's own is in force before a person has approved it."""

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import ValidationError

from journeyman.core.environment import Environment, NetworkPolicy, Script
from journeyman.core.errors import UsageError
from journeyman.core.keys import check_keys, dotted, refused
from journeyman.core.task import Limits

PLACE = ".journeyman/environment.toml"
"""Where a repository has its own."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_HOST = re.compile(r"(?:\*\*?\.)?[\w.\[\]:-]+(?:/\d{1,3})?(?::(?:\d{1,5}|\*))?\Z")
_RESERVED = re.compile(r"(?:LD_|DYLD_|JOURNEYMAN_)|(?:PATH|HOME|USER|SHELL|TMPDIR|BASH_ENV|ENV)\Z")


def read_environment(text: str, source: str, *, name: str | None = None) -> Environment:
    """An environment from its file. `name` is taken where the file gives none. A `UsageError` names the key."""
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{source} is not valid TOML: {error}") from error
    check_keys(source, values, Environment, what="key")
    _numbers(source, values)
    if name is not None:
        values = {"name": slug(name), **values}
    try:
        found = Environment.model_validate(values)
    except ValidationError as error:
        raise refused(source, error, what="key") from error
    _consistent(source, found)
    return found


def slug(name: str) -> str:
    """A name for an environment made of any text, such as a folder's name."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:64]
    return plain or "environment"


def digest(text: bytes) -> str:
    """What an approval is bound to: the file's content."""
    return hashlib.sha256(text).hexdigest()


def _numbers(source: str, values: Mapping[str, Any]) -> None:
    limits = values.get("limits")
    told: dict[tuple[str, ...], Any] = {("cache_hours",): values.get("cache_hours")}
    if isinstance(limits, Mapping):
        told |= {("limits", key): value for key, value in cast("Mapping[str, Any]", limits).items()}
    for path, value in told.items():
        if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
            raise UsageError(f"{source}: {dotted(path)} must be a number, not {str(value).lower()}.")
        if isinstance(value, int | float) and value <= 0:
            raise UsageError(f"{source}: {dotted(path)} must be more than 0, not {value}.")


def _consistent(source: str, environment: Environment) -> None:
    for table, names in (("variables", environment.variables), ("secrets", environment.secrets)):
        for name in names:
            if not _NAME.match(name) or _RESERVED.match(name):
                raise UsageError(f"{source}: {dotted((table, name))} cannot be the name of a variable.")
    if twice := environment.variables.keys() & environment.secrets.keys():
        raise UsageError(f"{source}: {sorted(twice)[0]} is a variable and a secret; it can be one of them.")
    for path, hosts in _hosts(environment):
        for host in hosts:
            if not _HOST.match(host):
                raise UsageError(
                    f"{source}: {dotted(path)} has {host!r}, which is no host; write `example.com`, "
                    "`*.example.com` for what is below it, or `**.example.com` for both."
                )
    for name, secret in environment.secrets.items():
        if secret.kind == "brokered" and not secret.hosts:
            raise UsageError(f"{source}: {dotted(('secrets', name))} is brokered, so it needs `hosts` that it is for.")
    for name, text in environment.variables.items():
        if "\0" in text:
            raise UsageError(f"{source}: {dotted(('variables', name))} has a NUL character.")


def _hosts(environment: Environment) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    phases = (("setup", environment.setup), ("maintenance", environment.maintenance), ("attempt", environment.attempt))
    for phase, script in phases:
        for key in ("hosts", "denied", "private"):
            yield (phase, "network", key), getattr(script.network, key)
    for name, secret in environment.secrets.items():
        yield ("secrets", name, "hosts"), secret.hosts


# ---------------------------------------------------------------- what a repository may have unasked


INDEXES = NetworkPolicy(access="allow-list", indexes=True, methods="read")
"""What set-up may have without anybody's approval: reading from the machine's own package indexes."""


def capped(environment: Environment) -> tuple[Environment, tuple[str, ...]]:
    """A repository's own environment as far as it grants nothing, and what else it asks for, in words."""
    asks: list[str] = []
    setup, maintenance = (
        _capped_script(phase, script, asks)
        for phase, script in (("set-up", environment.setup), ("maintenance", environment.maintenance))
    )
    if environment.attempt.network.access != "off":
        asks.append(f"{policy_words(environment.attempt.network)} in attempts")
    if environment.base.image is not None:
        asks.append(f"the image {environment.base.image}")
    for name, secret in environment.secrets.items():
        where = f" for {', '.join(secret.hosts)}" if secret.hosts else " in set-up"
        asks.append(f"the secret {name}{where}")
    if not asks:
        return environment, ()
    blank = Environment(name=environment.name)
    changed: dict[str, Any] = {
        "setup": setup,
        "maintenance": maintenance,
        "attempt": blank.attempt,
        "base": blank.base,
        "secrets": {},
    }
    return environment.model_copy(update=changed), tuple(asks)


def _capped_script(phase: str, script: Script, asks: list[str]) -> Script:
    wanted = script.network
    if wanted.access == "off" or wanted == INDEXES.model_copy(update={"denied": wanted.denied}):
        return script
    within = INDEXES.model_copy(update={"denied": wanted.denied})
    asks.append(f"{policy_words(wanted)} in {phase}")
    return script.model_copy(update={"network": within if wanted.indexes or wanted.access == "on" else NetworkPolicy()})


def policy_words(policy: NetworkPolicy) -> str:
    """A policy for a person, as a part of a sentence."""
    match policy.access:
        case "off":
            return "no network"
        case "on":
            words = "the whole network"
        case "allow-list":
            named = [*(["package indexes"] if policy.indexes else []), *policy.hosts]
            words = f"network to {', '.join(named)}" if named else "no network"
    if policy.methods == "read":
        words += " (reading only)"
    if policy.private:
        words += f" and the private {', '.join(policy.private)}"
    if policy.denied:
        words += f" but not {', '.join(policy.denied)}"
    return words


def tightened(limits: Limits, environment: Environment, *, only_lower: bool) -> Limits:
    """`limits` with the environment's own over them; a repository's may only lower them."""
    changed: dict[str, Any] = {}
    for key in environment.limits.model_fields_set:
        value, before = getattr(environment.limits, key), getattr(limits, key)
        if value is None or (only_lower and before is not None and value > before):
            continue
        changed[key] = value
    return limits.model_copy(update=changed)


# ---------------------------------------------------------------- writing


def dump_environment(environment: Environment) -> str:
    """The file of an environment: what is not the default, in the order of the documentation."""
    values = environment.model_dump(exclude_defaults=True)
    if environment.limits.model_fields_set:
        values["limits"] = environment.limits.model_dump(exclude_unset=True, exclude_none=True)
    tables: dict[str, dict[str, Any]] = {}
    lines: list[str] = []
    for key, value in values.items():
        if not isinstance(value, dict):
            lines.append(f"{_key(key)} = {_toml(value)}")
        elif key == "secrets":
            named = cast("dict[str, dict[str, Any]]", value)
            tables |= {f"secrets.{_key(name)}": secret for name, secret in named.items()}
        elif value:
            tables[key] = cast("dict[str, Any]", value)
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{_key(key)} = {_toml(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _quoted(key)


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str() if "\n" in value and "'''" not in value and not re.search(r"[\x00-\x08\x0b-\x1f\x7f]|'\Z", value):
            return f"'''\n{value}'''"
        case str():
            return _quoted(value)
        case list() | tuple():
            return f"[{', '.join(_toml(one) for one in cast('list[object]', value))}]"
        case dict():
            table = cast("dict[str, object]", value)
            return "{ " + ", ".join(f"{_key(key)} = {_toml(one)}" for key, one in table.items()) + " }"
        case _:
            return str(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
