"""`journeyman env allow`: a host that was refused is let through from now on."""

import sys

from journeyman.cli.environment import At, Where, at
from journeyman.core.environment import Environment, NetworkPolicy, Phase
from journeyman.core.environment_file import PLACE, digest, dump_environment, policy_words, read_environment, slug
from journeyman.core.text import plain
from journeyman.store.environments import Environments, StoredEnvironment

_WHEN = {"setup": "in set-up", "maintenance": "in maintenance", "attempt": "in attempts"}


async def allow(where: Where, host: str, phase: Phase) -> int:
    """Let requests to `host`, a pattern, through in a phase of the environment, which is stored for it.

    Raises `UsageError` for what is no pattern. A repository's own file is left as it is; what is stored goes before.
    """
    async with at(where) as here:
        stored, root = here.host.store.environments, here.repository.name
        source = here.site.use.source if here.site is not None else None
        environment = here.site.use.environment if here.site is not None else Environment(name=slug(root))
        script = getattr(environment, phase)
        changed = environment.model_copy(
            update={phase: script.model_copy(update={"network": _with(script.network, host)})}
        )
        before = await stored.get(environment.name) if source == "stored" else None
        name = before.name if before is not None else await _free(stored, here)
        text = dump_environment(changed.model_copy(update={"name": name}))
        read_environment(text, f"the environment {name}")
        await stored.put(name, before.repository if before is not None else root, text)
        _tell(name, getattr(changed, phase).network, phase, before, own=source == "repository")
        return 0


def _with(policy: NetworkPolicy, host: str) -> NetworkPolicy:
    """The policy with a host more. The whole network needs none; what was denied is not any more."""
    hosts = policy.hosts if host in policy.hosts or policy.access == "on" else (*policy.hosts, host)
    return policy.model_copy(
        update={
            "access": "allow-list" if policy.access == "off" else policy.access,
            "hosts": hosts,
            "denied": tuple(each for each in policy.denied if each != host),
        }
    )


async def _free(stored: Environments, here: At) -> str:
    """A name for the environment of a repository that has none stored."""
    name = slug(here.repository.workspace.name)
    if await stored.get(name) is None:
        return name
    return f"{name[:56]}-{digest(here.repository.name.encode())[:6]}"


def _tell(name: str, policy: NetworkPolicy, phase: Phase, before: StoredEnvironment | None, *, own: bool) -> None:
    print(f"The environment {name} now has {plain(policy_words(policy))} {_WHEN[phase]}.", file=sys.stderr)
    if before is None and own:
        print(f"It is stored, and goes before {PLACE}; `journeyman env remove {name}` undoes that.", file=sys.stderr)
    elif before is None:
        print(f"It is stored; `journeyman env remove {name}` undoes that.", file=sys.stderr)
