"""A service in the middle of its day: tasks of every kind and state, people, an environment. For looking at pages.

The tests of the pages' quality and `scripts/screenshots` use it.
"""

import json
import shutil
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from journeyman.core.pull_request import PullRequestChecks
from journeyman.models.script import Fault, Step
from journeyman.models.script_server import ScriptServer
from journeyman.testing.forge_server import ForgeServer, Rights
from tests.conftest import PLAIN_PYTEST, git, lay
from tests.web import stories
from tests.web.played import READY, Served, in_a_thread

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a pass phrase of mine"
SLOTS = 5
TURNS = 40
PROJECT = "example/opening-hours"
TOKEN = "token-of-the-shop-bot"
FOREVER = 3600.0
"""Seconds that a held reply takes: longer than anybody looks."""

ENVIRONMENT = """checks = ["python -m pytest -q"]
cache_hours = 24

[setup]
script = '''
python3 -m venv --system-site-packages ~/.venv
~/.venv/bin/python -c "import sys; print('Python', sys.version.split()[0])"
'''

[variables]
TZ = "Europe/Rome"

[secrets.SHOP_API_KEY]
kind = "brokered"
hosts = ["api.shop.example"]

[attempt]
network = { access = "allow-list", hosts = ["api.shop.example"] }
"""
CONFIG = """model = "scripted"
[models.scripted]
wire = "responses"
base_url = "{address}"
name = "scripted"
input_price = 1.25
cached_input_price = 0.125
output_price = 10.0
running = 32
"""


@dataclass(slots=True)
class Cast:
    """Plays the stories: which one is told by the prompt, which of its attempts by the order of their coming."""

    attempts: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])

    def play(self, turn: int, request: dict[str, Any]) -> Step:
        said = json.dumps(request["input"], ensure_ascii=False)
        prompt = next((prompt for prompt in stories.STORIES if json.dumps(prompt)[1:-1] in said), "")
        story = stories.STORIES.get(prompt) or stories.Story((stories.AGAIN,))
        seen = self.attempts.setdefault(prompt, {})
        mine = seen.setdefault(str(request.get("prompt_cache_key")), len(seen))
        steps = story.steps[min(mine, len(story.steps) - 1)]
        if story.held is not None and turn >= story.held:
            return stories.end("Done.", turn).model_copy(update={"delay": FOREVER})
        if prompt == stories.FASTER:
            return Step(error=(Fault(kind="unauthorized"),))
        return steps[turn] if turn < len(steps) else stories.AGAIN[(turn - len(steps)) % len(stories.AGAIN)]


@contextmanager
def playing() -> Generator[str]:
    """The address of a model that plays the stories, in a thread of its own."""
    cast = Cast()
    with in_a_thread(lambda: ScriptServer([partial(cast.play, turn) for turn in range(TURNS)])) as server:
        yield server.base_url


def opening_hours(folder: Path, forge: ForgeServer) -> Path:
    """The example as a repository with a little history, and on the forge: `v1.0` has no merging yet."""
    shutil.copytree(ROOT / "examples" / "opening-hours", folder)
    lay(folder, PLAIN_PYTEST)
    spans = (folder / "hours" / "spans.py").read_text()
    start, rest = spans.index("    merged = []"), spans.index("def minutes_open")
    tests = (folder / "tests" / "test_spans.py").read_text()
    (folder / "tests" / "test_spans.py").unlink()
    (folder / "hours" / "spans.py").write_text(spans[:start] + "    return sorted(spans)\n\n\n" + spans[rest:])
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Opening hours")
    git(folder, "tag", "v1.0")
    (folder / "hours" / "spans.py").write_text(spans)
    (folder / "tests" / "test_spans.py").write_text(tests)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Merge spans that overlap or touch")
    git(folder, "checkout", "--quiet", "-b", "next")
    (folder / "hours" / "spans.py").write_text(spans.replace("(first, end)", "(first, max(end, last))"))
    git(folder, "commit", "--quiet", "--all", "--message", "Keep the later end")
    git(folder, "checkout", "--quiet", "main")
    there = forge.world.add_repository(PROJECT, {})
    git(there, "fetch", "--quiet", str(folder), "+refs/heads/*:refs/heads/*")
    git(folder, "remote", "add", "origin", forge.remote(PROJECT))
    return folder


@dataclass(slots=True)
class Stage:
    """The service, who is signed in to it, and the ids of its tasks by their prompts."""

    service: Served
    http: httpx.Client
    repository: Path
    forge: ForgeServer
    cookies: list[Any] = field(default_factory=list[Any])
    tasks: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def address(self) -> str:
        return self.service.address

    def ask(self, method: str, path: str, body: object = None) -> Any:
        answer = self.http.request(method, f"/api/v1{path}", json=body)
        assert answer.status_code < 300, f"{method} {path}: {answer.text}"
        return answer.json() if answer.content else None

    def join(self, secret: str, name: str) -> None:
        """Sign in as somebody who takes an invitation."""
        email = f"{name.split()[0].lower()}@example.org"
        me = self.ask(
            "POST",
            "/session/invitation",
            {"secret": secret, "name": name, "email": email, "password": PASSWORD},
        )
        self.http.headers["X-CSRF-Token"] = me["csrf"]
        self.cookies = [
            {"name": one.name, "value": one.value, "url": self.address, "httpOnly": True, "sameSite": "Lax"}
            for one in self.http.cookies.jar
        ]

    def hand_out(self, prompt: str, **more: object) -> str:
        wanted = {"prompt": prompt, "environment": "opening-hours", "origin": "web", **more}
        task = self.ask("POST", "/tasks", wanted)
        self.tasks[prompt] = task["task"]["id"]
        return self.tasks[prompt]

    def until(self, prompts: Sequence[str], *states: str) -> None:
        """Wait until these tasks are in one of the states."""
        last = time.monotonic() + READY
        waiting = {self.tasks[prompt] for prompt in prompts}
        while waiting:
            assert time.monotonic() < last, waiting
            lines = self.ask("GET", "/tasks?limit=100")["tasks"]
            waiting -= {line["id"] for line in lines if line["status"] in states}
            threading.Event().wait(0.1)

    def until_answered(self, prompt: str, step: int) -> None:
        """Wait until the task has come to a step."""
        last = time.monotonic() + READY
        while True:
            assert time.monotonic() < last, prompt
            work = self.ask("GET", f"/tasks/{self.tasks[prompt]}/attempts/1/work")
            if sum(entry["kind"] == "step" for entry in work["entries"]) >= step:
                return
            threading.Event().wait(0.1)


def fill(stage: Stage) -> None:
    """Hand out a day's work: what comes to an end first, then what stays at work or waits."""
    made = {"name": "opening-hours", "text": ENVIRONMENT, "repository": str(stage.repository)}
    stage.ask("POST", "/environments", made)
    stage.ask("PUT", "/secrets/SHOP_API_KEY", {"value": "not a real one", "environment": "opening-hours"})
    stage.hand_out(stories.WRITE, ref="next")
    stage.hand_out(stories.GRAPH, mode="ask")
    stage.hand_out(stories.REVIEW, mode="review", against="v1.0")
    stage.hand_out(stories.PARSE, ref="next")
    stage.hand_out(stories.BREAK, ref="next")
    stage.hand_out(stories.FASTER)
    stage.hand_out(stories.BUDGET, budget={"cost": 0.005})
    stage.hand_out(stories.REFUSED)
    stage.hand_out(stories.FIX, attempts=3)
    ended = list(stage.tasks)
    stage.until(ended, "done", "failed", "waiting", "interrupted", "cancelled")
    hand_on(stage)
    held = [stories.TYPES, stories.TIMEZONES, stories.HOLIDAYS, stories.ICAL]
    for prompt in held:
        stage.hand_out(prompt, attempts=2 if prompt == stories.ICAL else 1)
    for prompt in held:
        stage.until_answered(prompt, stories.STORIES[prompt].held or 0)
    for prompt in ("Name the days in Italian", "Say when the shop opens next"):
        stage.hand_out(prompt)


def hand_on(stage: Stage) -> None:
    """Open pull requests: one is a draft, one is open, and one is merged."""
    world = stage.forge.world
    world.tokens[TOKEN] = Rights()
    stage.ask("POST", "/forges", {"kind": stage.forge.kind, "address": stage.forge.address, "token": TOKEN})
    said: dict[str, PullRequestChecks] = {stories.PARSE: "passed", stories.WRITE: "running", stories.FIX: "passed"}
    for prompt, checks in said.items():
        path = f"/tasks/{stage.tasks[prompt]}/pull-request"
        opened = stage.ask("POST", path, {"draft": prompt == stories.WRITE})["pull_request"]
        world.check(PROJECT, opened["number"], checks)
        if prompt == stories.PARSE:
            world.merge(PROJECT, opened["number"])
        stage.ask("POST", f"{path}/refresh")


def furnish(stage: Stage) -> None:
    """What the settings have to show."""
    for name in ("nightly-ci", "editor"):
        stage.ask("POST", "/tokens", {"name": name, "scopes": ["read", "write"]})
    stage.ask("POST", "/groups", {"name": "Shop team"})
    stage.ask("POST", "/invitations", {"role": "viewer", "email": "grace@example.org"})
    stage.ask("PUT", "/quotas/everybody", {"running": 8, "day": {"cost": 20}})
    stage.ask(
        "POST",
        "/schedules",
        {
            "name": "Nightly",
            "cron": "0 3 * * *",
            "task": {"prompt": "Fix what is flaky", "environment": "opening-hours"},
        },
    )


@contextmanager
def staged(folder: Path, *, filled: bool = True) -> Generator[Stage]:
    """The stage with its curtain up."""
    home = folder / "home"
    home.mkdir(parents=True)
    with playing() as model, ForgeServer("github", folder / "forge") as forge:
        repository = opening_hours(folder / "opening-hours", forge)
        (home / "config.toml").write_text(CONFIG.format(address=model))
        service = Served(home, ("--slots", str(SLOTS)))
        service.start()
        try:
            with httpx.Client(base_url=service.address, timeout=READY) as http:
                stage = Stage(service, http, repository, forge)
                stage.join(service.join_link.partition("#")[2], "Ada Lovelace")
                if filled:
                    fill(stage)
                    furnish(stage)
                yield stage
        finally:
            service.end()
