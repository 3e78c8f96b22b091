"""What an environment is made of, as a key: equal keys give equal layers."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journeyman.attempt.host import Host
from journeyman.core.environment import EnvironmentUse
from journeyman.sandbox.protocol import Toolchain
from journeyman.sandbox.toolchains import find_toolchains

FORMAT = 1
"""Counted up when layers are made in another way."""


@dataclass(frozen=True, slots=True)
class Keys:
    """`setup` is of everything that set-up sees, `family` of all but the content of files; `maintenance` is that of a
    layer on top, for one state of the repository."""

    setup: str
    family: str
    maintenance: str


def keys(
    root: Path, use: EnvironmentUse, tree: str, toolchains: tuple[Toolchain, ...], backend: str, image: str | None
) -> Keys:
    """`image` is the id of the image, where there is one in place of the `toolchains`."""
    environment = use.environment
    made_of: dict[str, Any] = {
        "format": FORMAT,
        "root": str(root),
        "backend": backend,
        "base": image or [[str(one.root), [str(path) for path in one.bin], one.note] for one in toolchains],
        "script": environment.setup.script,
        "network": environment.setup.network.model_dump(mode="json"),
        "variables": environment.variables,
        "secrets": {name: secret.model_dump(mode="json") for name, secret in environment.secrets.items()},
    }
    family = _hash(made_of)
    files = _hash({"family": family, "files": use.files})
    on_top = {"family": family, "tree": tree, "maintenance": environment.maintenance.model_dump(mode="json")}
    return Keys(files, family, _hash(on_top))


def _hash(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def base_toolchains(host: Host, root: Path) -> tuple[Toolchain, ...]:
    """The host's toolchains without the project's own virtual environment or the one that happens to be active: set-up
    makes one, and its layers are to be the same whichever shell they are asked for in."""
    active = host.virtual_env
    entries = [entry for entry in host.path.split(":") if active is None or not Path(entry).is_relative_to(active)]
    nowhere = root / ".journeyman" / "nowhere"
    found = find_toolchains(":".join(entries), nowhere, host.home, virtual_env=None, own_prefix=host.own_prefix)
    return tuple(one for one in found if not any(path.is_relative_to(root) for path in one.bin))
