"""The repair strategy on small repositories, in real sandboxes, with a scripted model."""

import asyncio
import dataclasses
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

from journeyman.agent.repair import repair, strategy
from journeyman.agent.repair.resume import patched
from journeyman.agent.repair.rewrite import UNPROVED
from journeyman.agent.work import Stop, Work
from journeyman.checks.run import PROBE, run_check
from journeyman.core.errors import Unreachable
from journeyman.core.events import AttemptStarted, CandidateTried, Checked, Progressed, Replied
from journeyman.core.evidence import Check, CheckRun
from journeyman.core.task import Base, Limits
from journeyman.models.script import Entry
from journeyman.models.scripted import PROFILE, Scripted
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.protocol import Sandbox, SandboxSpec, Toolchain
from journeyman.store import open_store, this_process
from journeyman.store.log import AttemptLog
from journeyman.testing.store import a_task, an_attempt
from tests.conftest import PLAIN_PYTEST, WITHOUT_PLUGINS

PYTEST = Check(command="python -m pytest -q", source="AGENTS.md", runner="pytest", timeout=60.0)

COUNT = {
    "counting.py": (
        "def evens(xs):\n    found = 0\n    for x in xs:\n"
        "        if x % 2 == 1:\n            found += 1\n    return found\n"
    ),
    "test_counting.py": (
        "from counting import evens\n\n\ndef test_none():\n    assert evens([]) == 0\n\n\n"
        "def test_some():\n    assert evens([1, 2, 4]) == 2\n\n\ndef test_odd():\n    assert evens([1, 3]) == 0\n\n\n"
        "def test_one():\n    assert evens([6]) == 1\n\n\ndef test_two():\n    assert evens([8, 2]) == 2\n"
    ),
}
TALLY = {
    "counting.py": "def evens(xs):\n    return len([x for x in xs if x % 2 == 1])\n",
    "test_counting.py": COUNT["test_counting.py"],
}
"""The same slip where no edit makes an endless loop, which would have to be waited for."""

WORDS = {
    "words.py": "def longest(words):\n    return 1\n",
    "test_words.py": (
        "from words import longest\n\n\n"
        "def test_one():\n    assert longest(['a', 'bcd', 'ef', 'xyz']) == ['bcd', 'xyz']\n\n\n"
        "def test_none():\n    assert longest([]) == []\n\n\n"
        "def test_many():\n    assert longest(['q']) == ['q']\n"
    ),
}
LONGEST = (
    "def longest(words):\n    best = max(map(len, words), default=0)\n"
    "    return [word for word in words if len(word) == best]\n"
)
BITS = {
    "bits.py": (
        "def ones(n):\n    count = 0\n    while n:\n        n |= n - 1\n        count += 1\n    return count\n"
    ),
    "test_bits.py": (
        "import pytest\nfrom bits import ones\n\n\n"
        "@pytest.mark.parametrize('n, k', [(0, 0), (1, 1), (6, 2), (7, 3)])\n"
        "def test_ones(n, k):\n    assert ones(n) == k\n"
    ),
}
HIDDEN = {
    "hidden.py": "def hidden():\n    return 1\n",
    "test_hidden.py": "from hidden import hidden\n\n\ndef test_a():\n    assert hidden() == 7531\n",
}


@dataclasses.dataclass
class Checker:
    """Runs checks as an attempt does."""

    log: AttemptLog

    async def __call__(
        self,
        sandbox: Sandbox,
        check: Check,
        on: Literal["base", "result", "candidate"],
        *,
        only: tuple[str, ...] = (),
        test_seconds: float | None = None,
        record: bool = True,
    ) -> CheckRun:
        chunk = self.log.chunk()
        run = await run_check(
            sandbox, check, on=on, tree="t", chunk=chunk, only=only, test_seconds=test_seconds, probe=PROBE
        )
        await chunk.close()
        if record:
            await self.log.append(Checked(run=run))
        return run


@asynccontextmanager
async def working(
    folder: Path, files: Mapping[str, str], script: Sequence[Entry], *, prompt: str, checks: tuple[Check, ...]
) -> AsyncGenerator[Work]:
    """An attempt in `folder`; opened again it goes on where it was."""
    work = folder / "work"
    for name, text in {**PLAIN_PYTEST, **files}.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    for path in (folder, *folder.parents[:2]):
        path.chmod(path.stat().st_mode | 0o711)
    (folder / "upper").mkdir(exist_ok=True)
    start = AttemptStarted(
        task_id="0task",
        prompt=prompt,
        mode="code",
        model="scripted",
        profile=PROFILE,
        strategy="repair",
        base=Base(repository=str(work), tree="t"),
        limits=Limits(),
        checks=checks,
        seed=3,
    )
    toolchains = (Toolchain(Path(sys.base_prefix)), Toolchain(Path(sys.prefix), (Path(sys.prefix, "bin"),)))
    spec = SandboxSpec(
        workspace=work,
        lower=(work,),
        upper=folder / "upper",
        toolchains=toolchains,
        readable=(PROBE,),
        env=WITHOUT_PLUGINS,
    )
    backend = Bubblewrap(folder / "state")
    async with open_store(folder / "home") as store:
        if not await store.tasks():
            await store.create(a_task(), [an_attempt()], {"0task.1.1": [start]})
        async with store.claim("0task.1.1", this_process()) as log, backend.open(spec) as sandbox:
            yield Work(
                start=start,
                log=log,
                model=Scripted(script),
                sandbox=sandbox,
                layer=lambda: backend.open(dataclasses.replace(spec, upper=None)),
                run_check=Checker(log),
            )


def candidates(work: Work) -> list[CandidateTried]:
    return [event for event in work.log.events if isinstance(event, CandidateTried)]


def scripted_requests(work: Work) -> int:
    assert isinstance(work.model, Scripted)
    return len(work.model.requests)


async def changed(work: Work) -> dict[str, str]:
    paths = [change.path.decode() for change in await work.sandbox.diff() if change.kind == "write"]
    return {path: (await work.sandbox.read(path)).decode() for path in paths}


async def test_a_slip_is_repaired_without_the_model(tmp_path: Path) -> None:
    async with working(tmp_path, COUNT, [], prompt="The tests fail.", checks=(PYTEST,)) as work:
        stop = await repair(work)
        assert stop.reason == "finished"
        assert stop.message.startswith("Repaired counting.py (if x % 2 == 1: → if x % 2 ")
        text = (await changed(work))["counting.py"]
        assert text in (COUNT["counting.py"].replace("== 1", "== 0"), COUNT["counting.py"].replace("== 1", "!= 1"))
        winner = next(event for event in candidates(work) if event.outcome == "passed")
        assert patched(COUNT["counting.py"], winner.diff) == text
        assert scripted_requests(work) == 0
        last = [event.run for event in work.log.events if isinstance(event, Checked)][-1]
        assert (last.on, last.exit_code) == ("candidate", 0)


async def test_the_model_repairs_what_no_small_edit_does(tmp_path: Path) -> None:
    script = ["```python\ndef longest(words):\n    return words\n```", "no idea", f"```python\n{LONGEST}```"]
    async with working(tmp_path, WORDS, script, prompt="longest is wrong", checks=(PYTEST,)) as work:
        stop = await repair(work)
        assert stop.reason == "finished"
        assert (await changed(work))["words.py"] == LONGEST
        assert sum(isinstance(event, Replied) for event in work.log.events) == 3
        tried = [(event.source, event.outcome) for event in candidates(work) if event.source.startswith("model")]
        assert tried == [("model: sample 3, temperature 0.7", "better"), ("model: sample 3, temperature 0.7", "passed")]


async def test_nothing_is_changed_when_nothing_helps(tmp_path: Path) -> None:
    async with working(
        tmp_path, HIDDEN, [Unreachable("nobody is there")], prompt="Repair it.", checks=(PYTEST,)
    ) as work:
        stop = await repair(work)
        assert stop.reason == "model"
        assert "Nothing was changed." in stop.message
        assert "nobody is there" in stop.message
        assert await changed(work) == {}


async def test_what_was_cut_has_one_second_chance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strategy, "PATIENCE", 2.0)
    monkeypatch.setattr(strategy, "ROUNDS", strategy.ROUNDS[:2])
    loop = HIDDEN["hidden.py"].replace("return 1", "n = 2\n    while n > 1:\n        n -= 1\n    return n")
    files = HIDDEN | {"hidden.py": loop}
    async with working(tmp_path, files, [Unreachable("nobody")], prompt="Repair it.", checks=(PYTEST,)) as work:
        await repair(work)
        cut = Counter(event.diff for event in candidates(work) if event.outcome == "endless")
        assert cut and max(cut.values()) == 2


async def test_the_best_partial_edit_is_kept_and_called_one(tmp_path: Path) -> None:
    files = TALLY | {
        "test_more.py": "from counting import evens\n\n\ndef test_hard():\n    assert evens([2]) == 7531\n"
    }
    async with working(tmp_path, files, [Unreachable("gone")], prompt="Repair it.", checks=(PYTEST,)) as work:
        stop = await repair(work)
        assert stop.message.startswith("Not fully repaired")
        assert "leaves 1 failing" in stop.message
        text = (await changed(work))["counting.py"]
        done = await work.sandbox.exec(["python", "-m", "pytest", "-q", "test_counting.py"], timeout=120)
        assert (text != TALLY["counting.py"], done.exit_code) == (True, 0)


async def test_an_endless_loop_is_repaired_soon(tmp_path: Path) -> None:
    async with working(tmp_path, BITS, [], prompt="ones never ends", checks=(PYTEST,)) as work:
        stop = await repair(work)
        assert (await changed(work))["bits.py"] == BITS["bits.py"].replace("|=", "&=")
        assert "failing tests pass" in stop.message


async def test_a_check_of_another_kind_is_run_as_it_is(tmp_path: Path) -> None:
    check = Check(command="python check.py", source="flag", timeout=60.0)
    files = {
        "counting.py": TALLY["counting.py"],
        "check.py": "from counting import evens\nassert evens([1, 2, 4]) == 2\nassert evens([1]) == 0\n",
    }
    async with working(tmp_path, files, [], prompt="`evens` in counting.py", checks=(check,)) as work:
        stop = await repair(work)
        assert stop.message.endswith("tries.")
        assert "python check.py passes" in stop.message


async def test_a_file_that_does_not_parse_is_mended_by_the_model(tmp_path: Path) -> None:
    files = COUNT | {"counting.py": COUNT["counting.py"].replace("== 1:", "== 0")}
    right = COUNT["counting.py"].replace("== 1", "== 0")
    script = ["```python\ndef evens(xs:\n```", f"```python\n{right}```"]
    async with working(tmp_path, files, script, prompt="It does not even start.", checks=(PYTEST,)) as work:
        stop = await repair(work)
        assert await changed(work) == {"counting.py": right}
        assert "Found by model: sample 2" in stop.message


async def test_tests_that_cannot_be_loaded_reproduce_nothing(tmp_path: Path) -> None:
    files = {"greet.py": "def greet(name):\n    return 'Hello ' + name\n", "test_greet.py": "def test_it():\n"}
    answer = "```python\ndef greet(name):\n    return 'Hi ' + name\n```"
    async with working(tmp_path, files, [answer], prompt="Say Hi in greet.py", checks=(PYTEST,)) as work:
        stop = await repair(work)
        assert "Unverified" in stop.message
        assert (await changed(work))["greet.py"] == files["greet.py"].replace("Hello", "Hi")
        assert any("no valid Python" in e.text for e in work.log.events if isinstance(e, Progressed))


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
async def test_javascript_is_repaired_by_the_model(tmp_path: Path) -> None:
    node = Path(str(shutil.which("node"))).resolve()
    if not str(node).startswith("/usr"):
        pytest.skip("node is not one of the system's")
    files = {
        "sum.js": "const sum = (a, b) => a - b;\n\nmodule.exports = { sum };\n",
        "sum.test.js": (
            "const test = require('node:test');\nconst assert = require('node:assert');\n"
            "const { sum } = require('./sum');\ntest('adds', () => assert.strictEqual(sum(1, 2), 3));\n"
        ),
    }
    right = files["sum.js"].replace("a - b", "a + b")
    check = Check(command="node --test", source="AGENTS.md", runner="node", timeout=60.0)
    script = [
        "```javascript\nconst sum = (a, b) => a * b;\n```",
        f"```javascript\n{right}```",
        f"```javascript\n{right}```",
    ]
    async with working(tmp_path, files, script, prompt="sum is wrong", checks=(check,)) as work:
        await repair(work)
        assert await changed(work) == {"sum.js": right}


async def test_examples_are_the_check_when_nothing_else_fails(tmp_path: Path) -> None:
    examples = ">>> days()\n    7\n    >>> days() * 2\n    14"
    text = f'def days():\n    """Days of a week.\n\n    {examples}\n    """\n    return 6\n'
    async with working(tmp_path, {"week.py": text}, [], prompt="`days` is wrong", checks=()) as work:
        stop = await repair(work)
        assert (await changed(work))["week.py"] == text.replace("return 6", "return 7")
        assert "python -m doctest week.py" in [e.run.check.command for e in work.log.events if isinstance(e, Checked)]
        assert any("examples in week.py" in e.text for e in work.log.events if isinstance(e, Progressed))
        assert "python -m doctest week.py passes" in stop.message


async def test_a_request_without_anything_to_reproduce_is_unverified(tmp_path: Path) -> None:
    text = "def greet(name):\n    return 'Hello ' + name\n"
    answer = "```python\ndef greet(name):\n    return 'Hi ' + name\n```"
    async with working(tmp_path, {"greet.py": text}, [answer], prompt="Say Hi in greet.py", checks=()) as work:
        stop = await repair(work)
        assert stop == Stop(
            "finished",
            "Changed greet.py as the model proposed. Unverified: nothing failed before; there is no check to run.",
            UNPROVED,
        )
        assert await changed(work) == {"greet.py": text.replace("Hello", "Hi")}


async def test_a_killed_run_goes_on_and_tries_nothing_twice(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "import test_agent_repair_strategy as t\n"
        "asyncio.run(t.until_tried(Path(sys.argv[1])))\n"
    )
    argv = [sys.executable, "-c", program, str(tmp_path), str(Path(__file__).parent)]
    process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"tried\n"
    process.kill()
    assert await process.wait() == -signal.SIGKILL
    async with working(tmp_path, {}, [], prompt="The tests fail.", checks=(PYTEST,)) as work:
        before = len(candidates(work))
        assert before > 0
        await repair(work)
        assert (await changed(work))["counting.py"] != COUNT["counting.py"]
        diffs = [event.diff for event in candidates(work) if event.outcome != "passed"]
        assert len(diffs) == len(set(diffs))
        bases = [event for event in work.log.events if isinstance(event, Checked) and event.run.on == "base"]
        assert len(bases) == 1
    async with working(tmp_path, {}, [], prompt="The tests fail.", checks=(PYTEST,)) as work:
        again = await repair(work)
        assert again.message.startswith("Repaired counting.py; found by mutation")


async def until_tried(folder: Path) -> None:
    """Repair until the first candidates are in the log, say so, and wait for the end."""
    async with working(folder, COUNT, [], prompt="The tests fail.", checks=(PYTEST,)) as work:

        def listener(events: Sequence[object]) -> None:
            if any(isinstance(event, CandidateTried) for event in events):
                print("tried", flush=True)
                signal.pause()

        work.log.listen(listener)
        await repair(work)
