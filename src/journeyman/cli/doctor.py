"""`journeyman doctor`: tries on this machine what Journeyman needs, and says how to get what is missing."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from journeyman.cli.door import Door, model_choice, open_door
from journeyman.core.environment import BypassProbe, NetworkPolicy, Refusal
from journeyman.core.errors import JourneymanError
from journeyman.core.text import one_line
from journeyman.sandbox import mechanisms, plan
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.mechanisms import Found
from journeyman.sandbox.protocol import SandboxBackend, SandboxSpec

MARKS = {"works": ("✔", "green"), "missing": ("✘", "red"), "weaker": ("·", "yellow")}
WIDTH = 18


async def doctor(*, as_json: bool) -> int:
    """0 when tasks can be worked on here, 1 when no sandbox can be opened."""
    door = open_door(Path(), {})
    state = door.state / "sandbox"
    parts = await asyncio.to_thread(mechanisms.try_all, state)
    lacking = [each.name for each in parts if each.state == "missing"]
    chosen, backends = await asyncio.to_thread(_backends, state, lacking)
    if chosen is not None:
        parts.append(await _network(chosen, state))
    sandbox = _verdict(chosen)
    found = [sandbox, *_model(door), Found("state", "works", str(door.state)), *parts, *backends]
    if as_json:
        print(json.dumps({"works": chosen is not None, "found": [asdict(each) for each in found]}, ensure_ascii=False))
    else:
        _show(found)
    return 0 if chosen is not None else 1


def _backends(state: Path, lacking: Sequence[str]) -> tuple[SandboxBackend | None, list[Found]]:
    """The one that tasks would be worked on with, and how each does."""
    from journeyman.sandbox.container.containers import Containers

    found: list[Found] = []
    works: list[SandboxBackend] = []
    for backend in (Bubblewrap(state), Containers(state)):
        problems = backend.probe()
        name = f"{backend.name} backend"
        if not problems:
            works.append(backend)
            found.append(Found(name, "works", "a sandbox was opened and a command run in it"))
        else:
            said, _, remedy = problems[0].partition(". ")
            if backend.name == "bubblewrap" and lacking:
                said, remedy = f"it lacks {', '.join(lacking)}", ""
            found.append(Found(name, "weaker" if works else "missing", one_line(said, 300), remedy))
    return next(iter(works), None), found


def _verdict(chosen: SandboxBackend | None) -> Found:
    if chosen is not None:
        return Found("sandbox", "works", f"{chosen.name} works here")
    said = "no sandbox can be opened on this machine, and nothing is run without one"
    return Found("sandbox", "missing", said, "What is marked ✘ below says why; one backend is enough.")


async def _network(backend: SandboxBackend, state: Path) -> Found:
    """Every known way around the gateway, tried from inside with a policy that allows next to nothing, and without."""
    from journeyman.sandbox.network.gateway import open_gateway
    from journeyman.sandbox.network.selftest import probe_bypasses

    empty = state / "empty"
    empty.mkdir(exist_ok=True)
    spec = SandboxSpec(workspace=Path("/workspace"), lower=(empty,))
    python = str(plan.interpreter()[0])
    policy = NetworkPolicy(access="allow-list", hosts=("journeyman.invalid",))

    def refused(_: Refusal) -> None:
        """What the self-test asks for is meant to be refused."""

    tries: list[BypassProbe] = []
    try:
        async with backend.open(spec) as sandbox:
            tries += await probe_bypasses(sandbox, None, python=python)
        async with (
            open_gateway(policy, on_refusal=refused, state=state / "gateways") as gateway,
            backend.open(replace(spec, gateway=gateway)) as sandbox,
        ):
            tries += await probe_bypasses(sandbox, gateway, python=python)
    except (JourneymanError, OSError) as error:
        return Found("network", "missing", one_line(str(error), 300), "Without its gateway a sandbox has no network.")
    lost = [f"{each.name} ({each.said})" for each in tries if not each.held]
    if lost:
        why = "What a policy refuses can be reached; keep `network` off until this is mended, and report it."
        return Found("network", "missing", one_line(f"not held: {', '.join(lost)}", 300), why)
    return Found("network", "works", f"{len(tries)} ways around the gateway were tried and held")


def _model(door: Door) -> list[Found]:
    choice = model_choice(door, door.settings.model)
    found = [Found("model", "works", choice.why or f"Using {choice.name}, as your settings say.")]
    if choice.wire == "local":
        found.append(_weights(door.cache))
    return found


def _weights(cache: Path) -> Found:
    """What there is of the embedded model, by its size and what was found when it was last read whole."""
    from journeyman.models.local.model_file import QWEN
    from journeyman.models.local.weights import state_of

    match state_of(cache):
        case "verified":
            return Found("weights", "works", f"the embedded model is in {cache}, and was verified")
        case "unverified":
            words = f"the embedded model in {cache} has the right size, but was never verified; the first use does it"
            return Found("weights", "works", words)
        case "missing":
            words = "the embedded model is not fetched yet: `journeyman fetch` does it (1.1 GB)"
            return Found("weights", "works", words)
        case "damaged":
            words = f"the embedded model's file {cache / QWEN.name} is damaged or not whole"
            return Found("weights", "missing", words, "`journeyman fetch` mends it, and fetches only what is wrong.")


def _show(found: Sequence[Found]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for each in found:
        mark, style = MARKS[each.state]
        console.print(Text.assemble((mark, style), f" {each.name:{WIDTH}} {each.said}"), soft_wrap=True)
        if each.remedy and each.state != "works":
            console.print(Text(f"  → {each.remedy}"), soft_wrap=True)
