"""A task with two attempts that were really worked, once for all tests; each test gets a copy of its store."""

import asyncio
import re
import shutil
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from journeyman.attempt.begin import Order, draft
from journeyman.attempt.clones import Ground
from journeyman.attempt.host import Host, ModelPlan, Tell
from journeyman.attempt.run import run_attempt
from journeyman.core.events import CommandEnded, ToolReturned
from journeyman.core.model import ModelRequest, Profile, call, say
from journeyman.models.protocol import Model
from journeyman.models.script import Entry
from journeyman.models.scripted import Scripted
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.server.auth.gate import SignIn
from journeyman.server.parts import Parts, Submissions
from journeyman.server.service import create_service
from journeyman.store import open_store, this_process
from journeyman.store.store import Store
from tests.conftest import git, lay

PROFILE = Profile(name="scripted", input_price=1.0, output_price=2.0)
API = "/api/v1"
PROMPT = "total([]) raises; it should be 0."

FILES = {
    "shop/__init__.py": "",
    "shop/total.py": (
        "def total(prices):\n    result = None\n    for price in prices:\n        result += price\n    return result\n"
    ),
    "shop/old.py": "unused = True\n",
    "check.sh": "echo checking\ngrep -q 'result = 0' shop/total.py\n",
}
FIX = """\
*** Begin Patch
*** Update File: shop/total.py
@@
-    result = None
+    result = 0
*** Delete File: shop/old.py
*** Add File: shop/new é.py
+fresh = True
*** End Patch
"""
HALF = """\
*** Begin Patch
*** Update File: shop/total.py
@@
-    return result
+    return result or 0
*** End Patch
"""
ANSWER = """\
* `total` begins with 0 now【F:shop/total.py†L2】
* There is more in a file that there is not【F:shop/missing.py†L1】

**Testing**
* ✅ `printf` said two things【{chunk}†L1-L2】
"""


def citing(request: ModelRequest) -> str:
    """The answer, with the id of the first command's output."""
    found = re.search(r"Chunk ID: ([0-9a-f]{6})", " ".join(str(item) for item in request.items))
    assert found is not None
    return ANSWER.format(chunk=found[1])


PLAN = ({"step": "look", "status": "completed"}, {"step": "mend", "status": "in_progress"})
FIXING = (
    call("update_plan", "c1", plan=PLAN),
    call("exec_command", "c2", cmd="printf 'one\\n'; sleep 0.1; printf 'two\\n\\033[31mred\\033[0m\\n'"),
    call("apply_patch", "c3", patch=FIX),
    call("exec_command", "c4", cmd="cat nowhere.txt"),
    citing,
)
HALFWAY = (call("apply_patch", "c1", patch=HALF), say("I made it return 0 for nothing."))


@dataclass(frozen=True, slots=True)
class Worked:
    """`home` holds the store, `chunk` is the output of the first attempt's first command."""

    home: Path
    repository: Path
    task: str
    chunk: str


def work(place: Path) -> Worked:
    repository = place / "repository"
    repository.mkdir(parents=True)
    lay(repository, FILES)
    git(repository, "init", "-q")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "The beginning")
    return asyncio.run(_work(place / "home", repository))


async def _work(home: Path, repository: Path) -> Worked:
    async with open_store(home) as store:
        plan = ModelPlan("scripted", PROFILE)
        order = Order(PROMPT, "code", repository, plan, checks=("sh check.sh",), attempts=2)
        new = await draft(order, Ground(home, None, {}))
        task = new.task.model_copy(update={"origin": "api", "ref": "main"})
        await store.create(task, new.attempts, new.firsts, turn=new.turn)
        first, second = (attempt.id for attempt in new.attempts)
        await run_attempt(host_of(home, store, FIXING), first)
        await run_attempt(host_of(home, store, HALFWAY), second)
        await store.update_task(task.id, status="done", chosen=first)
        await store.turns.update(task.id, 1, status="done", chosen=first)
        [printed] = await store.pages.of_kinds(first, ("tool_returned",), holding="printf", newest=1)
        assert isinstance(printed, ToolReturned) and isinstance(printed.detail, CommandEnded)
    return Worked(home, repository, task.id, printed.detail.chunk)


def host_of(home: Path, store: Store, script: Sequence[Entry]) -> Host:
    @asynccontextmanager
    async def open_model(name: str, tell: Tell | None) -> AsyncGenerator[Model]:
        yield Scripted(script, PROFILE)

    return Host(
        state=home,
        home=home,
        path="/usr/bin:/bin",
        store=store,
        backend=Bubblewrap(home / "sandbox"),
        open_model=open_model,
        holder=this_process(),
        own_prefix=Path(sys.prefix),
        clock=time.time,
    )


@asynccontextmanager
async def served(
    worked: Worked, place: Path, engine: Submissions | None = None
) -> AsyncGenerator[tuple[httpx.AsyncClient, Store]]:
    """The API over a copy of what was worked, without sign-in."""
    home = place / "home"
    shutil.copytree(worked.home, home, symlinks=True, ignore=shutil.ignore_patterns("attempts", "sandbox", "trees"))
    async with open_store(home) as store, asked(store, home, engine) as client:
        yield client, store


@asynccontextmanager
async def asked(store: Store, home: Path, engine: Submissions | None = None) -> AsyncGenerator[httpx.AsyncClient]:
    """The API over a store, without sign-in."""
    parts = Parts(store=store, engine=engine, state=home, clock=time.time, model="scripted")  # type: ignore[arg-type]
    app = create_service(parts, SignIn(open=True))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client
