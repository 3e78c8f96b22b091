"""What the embedded model costs as it is asked: one plain request at a time, and what is done to ask it cheaply.

    python benchmarks/decoding.py [--only WAY] [--slips N] [--samples N] [--write] [--json]

Small files with a mistake are mended by the embedded model in several ways, each with a server that serves just so:
whole files from a cold prompt, the layout of the repair strategy with the prompt kept, drafts looked up in what was
read, and candidates written side by side from one prompt. Each answer is run against the file's tests in a sandbox.
Processor time is the server's; it depends little on what else the machine does, wall time a lot.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
from slips import SLIPS, Slip

from journeyman.agent.repair.language import form
from journeyman.agent.repair.prompts import code_of, request, splice, whole
from journeyman.core.items import UserMessage
from journeyman.core.model import ModelRequest
from journeyman.models.local.model import PROFILE
from journeyman.models.local.model_file import QWEN
from journeyman.models.local.serve import Serving
from journeyman.models.local.server import Address, Launcher, cores
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.protocol import Sandbox, SandboxSpec

if TYPE_CHECKING:
    import httpx

PAGE = Path(__file__).parents[1] / "docs" / "design" / "embedded.md"
BEGIN, END = "<!-- written by scripts/bench decoding --write -->", "<!-- until here -->"
TEMPERATURE = 0.8
SECONDS = 10.0
"""How long the tests of one answer may take."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to ask. `serving` is what of the server's settings differs from the product's; `at_once` is how many
    candidates are written side by side; a `plain` one shows the whole file and has the whole file written."""

    name: str
    serving: dict[str, Any]
    at_once: int = 1
    plain: bool = False


NO_DRAFT = {"draft": 0}
WAYS = (
    Way("plain, cold", NO_DRAFT, plain=True),
    Way("layout and kept prompt", NO_DRAFT),
    Way("drafts", {}),
    Way("drafts of 48 after 12 tokens", {"draft": 48, "draft_after": 12}),
    Way("2 side by side", NO_DRAFT, at_once=2),
    Way("4 side by side", NO_DRAFT, at_once=4),
    Way("drafts, 4 side by side", {}, at_once=4),
)
"""The first one is what the others are compared with."""


@dataclass(slots=True)
class Spent:
    """What some answers cost. `read` are the tokens of prompts that were not kept, `kept` those that were."""

    read: int = 0
    kept: int = 0
    written: int = 0
    drafted: int = 0
    accepted: int = 0
    wall: float = 0.0
    cpu: float = 0.0

    def add(self, other: "Spent") -> None:
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass(slots=True)
class Measured:
    """What one way costs in all, and until the first answer that passes (`until`), by functions."""

    way: Way
    total: Spent = field(default_factory=Spent)
    candidates: int = 0
    distinct: int = 0
    passing: int = 0
    solved: int = 0
    until: Spent = field(default_factory=Spent)
    ready: float = 0.0

    def tokens(self) -> list[str]:
        total = self.total
        return [
            self.way.name,
            f"{total.read}",
            f"{total.kept}",
            f"{total.written}",
            f"{total.accepted} of {total.drafted}" if total.drafted else "–",
            f"{total.written / total.wall:.0f}",
            f"{total.written / total.cpu:.0f}",
        ]

    def candidates_and_solved(self, plain: "Measured") -> list[str]:
        each, each_plain = self.total.cpu / max(self.distinct, 1), plain.total.cpu / max(plain.distinct, 1)
        solved, solved_plain = self.until.cpu / max(self.solved, 1), plain.until.cpu / max(plain.solved, 1)
        return [
            self.way.name,
            f"{self.distinct} of {self.candidates}",
            f"{self.total.wall / max(self.distinct, 1):.1f}",
            f"{each:.1f}",
            f"{each_plain / each:.1f}",
            f"{self.solved}",
            f"{self.until.wall / max(self.solved, 1):.1f}",
            f"{solved:.1f}",
            f"{solved_plain / solved:.1f}",
        ]


TOKENS = ("way", "read", "kept", "written", "drafts accepted", "tokens/s written", "the same by processor time")
"""`read` and `kept` are tokens of prompts; tokens a second are those written in all the time, with that for reading."""
SOLVED = (
    *("way", "distinct candidates", "s each", "processor s each", "times as cheap"),
    *("functions solved", "s each", "processor s each", "times as cheap"),
)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in rows)])


def summary(found: Sequence[Measured]) -> str:
    """The figures in Markdown, beside those of the first way."""
    ready = statistics.median(each.ready for each in found)
    return "\n\n".join(
        [
            table(TOKENS, [each.tokens() for each in found]),
            table(SOLVED, [each.candidates_and_solved(found[0]) for each in found]),
            f"The server was ready after {ready:.1f} s (median of {len(found)} starts).",
        ]
    )


def asked(slip: Slip, way: Way, number: int) -> ModelRequest:
    """What is asked of the model; `number` counts the requests from 0."""
    seed = 1 + number * way.at_once
    if not way.plain:
        subject = whole(slip.path, slip.text)
        return request(subject, "", slip.failing, temperature=TEMPERATURE, seed=seed, cache_key="")
    shown = f"This file has a bug.\n\n```\n{slip.text}```\n\nWhat fails:\n{slip.failing}"
    return ModelRequest(
        instructions="You are an expert programmer. Answer with the whole corrected file in one fenced block.",
        items=(UserMessage(text=f"{shown}\n\nWrite the whole corrected file."),),
        temperature=TEMPERATURE,
        seed=seed,
        stop=("\n```\n",),
        max_output_tokens=800,
    )


def text_of(slip: Slip, way: Way, answer: str) -> str | None:
    """The file with the answer in its place; None when there is no code in it."""
    code = code_of(answer)
    if code is None or way.plain:
        return code
    return splice(whole(slip.path, slip.text), code)


class Peer:
    """A server with its processor time."""

    def __init__(self, address: Address, client: "httpx.AsyncClient") -> None:
        self.pid = address.pid
        self._client = client

    @property
    def cpu(self) -> float:
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    async def ask(self, wanted: ModelRequest, way: Way) -> tuple[list[str], Spent]:
        """The answers to one request, and what they cost."""
        first = wanted.items[0]
        assert isinstance(first, UserMessage)
        body = {
            "messages": [{"role": "system", "content": wanted.instructions}, {"role": "user", "content": first.text}],
            "temperature": wanted.temperature,
            "seed": wanted.seed,
            "stop": list(wanted.stop),
            "max_tokens": wanted.max_output_tokens,
            "n": way.at_once,
            "cache_prompt": not way.plain,
        }
        cpu, began = self.cpu, time.perf_counter()
        said = await self._post("/v1/chat/completions", body)
        spent = Spent(wall=time.perf_counter() - began, cpu=self.cpu - cpu)
        texts = [choice["message"]["content"] or "" for choice in said["choices"]]
        usage, timings = said["usage"], said.get("timings", {})
        spent.kept = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
        spent.read = usage["prompt_tokens"] - spent.kept
        spent.drafted, spent.accepted = timings.get("draft_n", 0), timings.get("draft_n_accepted", 0)
        for text in texts:
            spent.written += len((await self._post("/tokenize", {"content": text}))["tokens"]) + 1
        return texts, spent

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self._client.post(path, json=body)
        answer.raise_for_status()
        return answer.json()


@asynccontextmanager
async def serving(model: Path, way: Way, folder: Path) -> AsyncGenerator[tuple[Peer, float]]:
    """A server that serves as `way` says, and the seconds until it was ready."""
    import httpx

    settings = replace(Serving(model=str(model), threads=cores(), window=PROFILE.window, idle=60), **way.serving)
    launcher = Launcher(folder, settings, env=os.environ)
    async with launcher.lease():
        began = time.perf_counter()
        address = await launcher.ensure()
        ready = time.perf_counter() - began
        headers = {"authorization": f"Bearer {address.token}"}
        try:
            async with httpx.AsyncClient(base_url=address.url, headers=headers, timeout=600, trust_env=False) as client:
                yield Peer(address, client), ready
        finally:
            await launcher.stop(address)


async def passes(sandbox: Sandbox, slip: Slip, text: str) -> bool:
    command = ["node", "-"] if slip.path.endswith(".js") else ["python3", "-"]
    program = f"{text}\n{slip.tests}".encode()
    return (await sandbox.exec(command, stdin=program, timeout=SECONDS)).exit_code == 0


async def measured(model: Path, way: Way, slips: Sequence[Slip], samples: int, sandbox: Sandbox) -> Measured:
    found = Measured(way)
    with tempfile.TemporaryDirectory(prefix="decoding-") as folder:
        async with serving(model, way, Path(folder) / "server") as (peer, found.ready):
            for slip in slips:
                await one(peer, way, slip, samples, sandbox, found)
                told = found.total
                print(f"  {way.name}: {slip.path} {told.wall:.0f} s, {told.cpu:.0f} s of processors", file=sys.stderr)
    return found


async def one(peer: Peer, way: Way, slip: Slip, samples: int, sandbox: Sandbox, found: Measured) -> None:
    """All candidates for one function."""
    forms: set[str] = set()
    solved = False
    for number in range(samples // way.at_once):
        answers, spent = await peer.ask(asked(slip, way, number), way)
        found.total.add(spent)
        if not solved:
            found.until.add(spent)
        for answer in answers:
            found.candidates += 1
            text = text_of(slip, way, answer)
            program = form(slip.path, text) if text else None
            if text is None or program is None:
                continue
            forms.add(program)
            if await passes(sandbox, slip, text):
                found.passing += 1
                solved = True
    found.distinct += len(forms)
    found.solved += solved


async def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench decoding", description=__doc__)
    parser.add_argument("--only", action="append", help="one of the ways, by its name; may be given again")
    parser.add_argument("--samples", type=int, default=4, help="candidates for each function")
    parser.add_argument("--slips", type=int, default=len(SLIPS), help="how many of the functions")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/design/embedded.md")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    arguments = parser.parse_args()
    model = Path(platformdirs.user_cache_dir("journeyman")) / QWEN.name
    if not model.exists():
        print("The embedded model is not here; `journeyman fetch` gets it.", file=sys.stderr)
        return 2
    ways = [way for way in WAYS if arguments.only is None or way.name in arguments.only]
    with tempfile.TemporaryDirectory(prefix="decoding-") as folder:
        backend = Bubblewrap(Path(folder) / "sandbox")
        place = Path(folder) / "place"
        place.mkdir()
        async with backend.open(SandboxSpec(workspace=place, lower=(place,))) as sandbox:
            found = [await measured(model, way, SLIPS[: arguments.slips], arguments.samples, sandbox) for way in ways]
    if arguments.json:
        print(json.dumps([asdict(each) for each in found], indent=2))
        return 0
    text = summary(found)
    print(text)
    if arguments.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
