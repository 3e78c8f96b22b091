"""A cascade: the next model is asked only where the checks do not pass, and knows what was tried."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from journeyman.agent.repair.earlier import MODEL
from journeyman.attempt.begin import Order, draft
from journeyman.attempt.cascade import ANOTHER, named, order_words, stages_of
from journeyman.attempt.cascade import priced as with_price
from journeyman.attempt.clones import ground_of
from journeyman.attempt.host import Host, ModelPlan, Tell
from journeyman.attempt.run import run_attempt
from journeyman.core.errors import HandedOver
from journeyman.core.events import CandidateTried, Checked, Escalated, Event, Opened, Progressed
from journeyman.core.evidence import Result
from journeyman.core.items import Item, ToolResult, UserMessage
from journeyman.core.model import CascadeOrder, Profile, Reply, Way, call, say
from journeyman.core.usage import Usage
from journeyman.core.words import cost_words
from journeyman.models.prices import CostOf, Price
from journeyman.models.script import Entry
from journeyman.models.scripted import Scripted
from tests.attempt.conftest import MakeBench
from tests.conftest import MakeRepository

FILES = {"a.txt": "one\n", ".gitignore": "*.log\n"}
CHECK = "grep -qx two a.txt"
CHEAP = Profile(name="cheap", input_price=0.1, output_price=0.1)
DEAR = Profile(name="dear", input_price=10.0, output_price=10.0)
SMALL = DEAR.model_copy(update={"small": True, "tool_style": "json"})


def sh(name: str, command: str) -> Reply:
    return call("shell", name, command=command)


def priced(reply: Reply, cost: float | None) -> Reply:
    return reply.model_copy(update={"usage": Usage(input_tokens=1_000, output_tokens=0, cost=cost)})


def texts(items: Sequence[Item]) -> list[str]:
    return [item.text for item in items if isinstance(item, UserMessage)]


def with_models(host: Host, models: Mapping[str, Scripted]) -> Host:
    @asynccontextmanager
    async def open_model(name: str, tell: Tell | None) -> AsyncGenerator[Scripted]:
        yield models[name]

    return replace(host, open_model=open_model)


PLANS: Sequence[tuple[ModelPlan, Way | None]] = ((ModelPlan("dear", DEAR), None), (ModelPlan("cheap", CHEAP), None))
"""Not in the order in which they are asked."""


async def begin(
    host: Host, folder: Path, checks: Sequence[str] = (CHECK,), plans: Sequence[tuple[ModelPlan, Way | None]] = PLANS
) -> str:
    order = Order(
        "Make it two",
        "code",
        folder,
        plans[1][0],
        strategy="cascade",
        cascade=tuple(plans),
        checks=tuple(checks),
    )
    new = await draft(order, ground_of(host), host.clock)
    await host.store.create(new.task, new.attempts, new.firsts)
    return new.attempts[0].id


async def cascade(
    bench: MakeBench, folder: Path, cheap: list[Entry], dear: list[Entry], checks: Sequence[str] = (CHECK,)
) -> tuple[Result, list[Event], dict[str, Scripted]]:
    models = {"cheap": Scripted(cheap, CHEAP), "dear": Scripted(dear, DEAR)}
    host = with_models(bench([]).host, models)
    attempt = await begin(host, folder, checks)
    result = await run_attempt(host, attempt)
    return result, await host.store.events(attempt), models


async def test_the_dear_model_is_not_asked_where_the_checks_pass(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    script: list[Entry] = [priced(sh("c1", "echo two > a.txt"), 0.0001), priced(say("Done."), 0.0001)]
    result, events, models = await cascade(bench, make_repository(FILES), script, [])
    assert (result.verdict, models["dear"].requests) == ("verified", [])
    assert not any(isinstance(event, Escalated) for event in events)
    [stage] = result.stages
    assert (stage.model, stage.strategy, stage.verdict) == ("cheap", "loop", "verified")
    assert (result.usage.cost, result.cost_alone) == (pytest.approx(0.0002), pytest.approx(0.02))
    assert "It cost $0.0002; the last model alone would have cost about $0.0200." in cost_words(result)


async def test_the_next_model_begins_anew_and_knows_what_was_tried(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    """The first one's changes, ignored files too, are gone from the workspace; its patch and what fails are told."""
    cheap: list[Entry] = [
        priced(sh("c1", "echo three > a.txt; echo junk > x.log; touch new.txt"), 0.001),
        priced(say("It is three now."), 0.001),
    ]
    dear: list[Entry] = [priced(sh("c2", "cat a.txt; ls; echo two > a.txt"), 0.5), priced(say("Two."), 0.5)]
    result, events, models = await cascade(bench, make_repository(FILES), cheap, dear)
    assert (result.verdict, result.summary) == ("verified", "Two.")
    [escalated] = [event for event in events if isinstance(event, Escalated)]
    assert (escalated.stage, escalated.model, escalated.result.verdict) == (1, "dear", "failing")
    first = models["dear"].requests[0].items
    told = "\n".join(item.text for item in first if isinstance(item, UserMessage))
    assert "It is three now." in told and "+three" in told and f"`{CHECK}` still fails." in told
    assert "Its change, the best so far:" in told and f"Fails after it: `{CHECK}`" in told
    assert told.endswith("Make it two") and not any(isinstance(item, ToolResult) for item in first)
    seen = next(item.content for item in models["dear"].requests[1].items if isinstance(item, ToolResult))
    assert "one\na.txt" in seen and "x.log" not in seen and "new.txt" not in seen
    assert [(run.model, run.verdict) for run in result.stages] == [("cheap", "failing"), ("dear", "verified")]
    first_words = next(event.text for event in events if isinstance(event, Progressed))
    assert first_words.startswith(
        "A cascade: cheap (loop, $0.1 and $0.1 per million tokens read and written), then dear"
    )
    assert result.usage.cost == pytest.approx(1.002) and result.cost_alone == pytest.approx(1.0)
    assert sum(isinstance(event, Checked) and event.run.on == "base" for event in events) == 1
    assert [change.path for change in result.changes] == ["a.txt"]


async def test_the_next_model_is_asked_where_nothing_could_be_checked(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    cheap: list[Entry] = [sh("c1", "echo two > a.txt"), say("Done.")]
    dear: list[Entry] = [sh("c2", "echo TWO > a.txt"), say("Done better.")]
    result, events, _ = await cascade(bench, make_repository(FILES), cheap, dear, checks=())
    assert [event.why for event in events if isinstance(event, Escalated)] == ["Nothing could be checked."]
    assert (result.verdict, result.summary) == ("unverified", "Done better.")


async def test_the_best_of_the_stages_is_handed_over(bench: MakeBench, make_repository: MakeRepository) -> None:
    """The last one changes nothing, so what the first one did is kept, and a follow-up would go on from that."""
    from journeyman.core import folds
    from journeyman.sandbox import checkpoint

    cheap: list[Entry] = [sh("c1", "echo three > a.txt"), say("It is three now.")]
    folder = make_repository(FILES)
    models = {"cheap": Scripted(cheap, CHEAP), "dear": Scripted([say("I give up.")], DEAR)}
    host = with_models(bench([]).host, models)
    attempt = await begin(host, folder)
    result = await run_attempt(host, attempt)
    assert (result.verdict, result.summary) == ("failing", "It is three now.")
    assert [(run.model, run.verdict) for run in result.stages] == [("cheap", "failing"), ("dear", "unchanged")]
    blob, complete = folds.checkpoint(await host.store.events(attempt))
    assert complete and blob is not None
    assert list(checkpoint.load(await host.store.blob(blob))) == ["a.txt"]


async def test_a_cascade_goes_on_in_its_stage_after_a_crash(bench: MakeBench, make_repository: MakeRepository) -> None:
    """The process leaves while the second model is at work; the next one goes on with that, in its files."""
    leave = asyncio.Event()

    def leaving(request: object) -> Reply:
        leave.set()
        return sh("c2", "echo two > a.txt")

    cheap: list[Entry] = [sh("c1", "echo three > a.txt; touch new.txt"), say("It is three now.")]
    models = {"cheap": Scripted(cheap, CHEAP), "dear": Scripted([leaving, say("Two.")], DEAR)}
    host = with_models(bench([]).host, models)
    attempt = await begin(host, make_repository(FILES))
    with pytest.raises(HandedOver):
        await run_attempt(replace(host, leave=leave), attempt)
    result = await run_attempt(host, attempt)
    assert (result.verdict, [change.path for change in result.changes]) == ("verified", ["a.txt"])
    events = await host.store.events(attempt)
    assert sum(isinstance(event, Escalated) for event in events) == 1
    assert sum(isinstance(event, Opened) for event in events) == 3
    assert len(models["cheap"].requests) == 3


def test_one_model_alone_first_repairs_and_then_loops() -> None:
    plan = ModelPlan("local", CHEAP)
    assert [(stage.model, stage.strategy) for stage in stages_of((), plan)] == [("local", "repair"), ("local", "loop")]
    given: list[tuple[ModelPlan, Way | None]] = [(plan, "repair"), (ModelPlan("dear", DEAR), None)]
    stages = [(stage.model, stage.strategy) for stage in stages_of(given, plan)]
    assert stages == [("local", "repair"), ("dear", "loop")]


def stage_names(prices: Mapping[str, float | None], order: CascadeOrder = "price") -> list[str]:
    plans = [
        (ModelPlan(name, Profile(name=name, input_price=price, output_price=price)), None)
        for name, price in prices.items()
    ]
    return [stage.model for stage in stages_of(plans, plans[0][0], order)]


def test_the_cheapest_is_asked_first_and_one_without_a_price_last() -> None:
    prices = {"dear": 10.0, "unknown": None, "cheap": 0.5, "local": 0.0, "as cheap": 0.5, "also unknown": None}
    wanted = ["local", "cheap", "as cheap", "dear", "unknown", "also unknown"]
    assert stage_names(prices) == wanted
    assert stage_names(prices, "given") == list(prices)


def test_the_order_is_told_with_its_prices() -> None:
    free = Profile(name="local", input_price=0.0, output_price=0.0)
    unknown = ModelPlan("x", Profile(name="x"))
    stages = stages_of([(unknown, None), (ModelPlan("local", free), "repair")], unknown)
    assert order_words(stages) == "A cascade: local (repair, free), then x (loop, its price is not known)."


async def test_published_prices_are_looked_up_where_a_person_has_set_none() -> None:
    def look_up() -> CostOf | None:
        return Price(2.0, 8.0, 0.5).of

    plan = await with_price(ModelPlan("hosted", Profile(name="hosted"), look_up=look_up))
    profile = plan.profile
    assert (profile.input_price, profile.cached_input_price, profile.output_price) == (2.0, 0.5, 8.0)
    assert profile.price == 3.5
    own = ModelPlan("own", CHEAP, look_up=look_up)
    assert await with_price(own) is own
    unknown = ModelPlan("unknown", Profile(name="unknown"), look_up=lambda: None)
    assert (await with_price(unknown)).profile.price is None


WORD = {
    "word.py": "def word(n):\n    return 1\n",
    "other.py": "def other():\n    return 'other'\n",
    "test_word.py": (
        "import unittest\nfrom other import other\nfrom word import word\n\n\nclass Test(unittest.TestCase):\n"
        "    def test_zero(self):\n        assert word(0) == 'zero', 'it has no word'\n\n"
        "    def test_one(self):\n        assert word(1) == 'one'\n\n"
        "    def test_other(self):\n        assert other() == 'other'\n\n"
        "    def test_zero_again(self):\n        assert word(0) == 'zero'\n"
    ),
}
"""There are few small edits to try, and none of them helps."""
UNITTEST = ("python3 -m unittest -q",)
RIGHT = "def word(n):\n    return ['zero', 'one'][n]\n"


async def after(
    bench: MakeBench,
    folder: Path,
    ways: tuple[Way, Way],
    cheap: list[Entry],
    dear: list[Entry],
    last: Profile = DEAR,
) -> tuple[Result, list[Event], list[str]]:
    """A cascade of two ways; its result, its log, and what the second model was asked."""
    models = {"cheap": Scripted(cheap, CHEAP), "dear": Scripted(dear, last)}
    host = with_models(bench([]).host, models)
    plans: list[tuple[ModelPlan, Way | None]] = [
        (ModelPlan("cheap", CHEAP), ways[0]),
        (ModelPlan("dear", last), ways[1]),
    ]
    attempt = await begin(host, folder, UNITTEST, plans)
    result = await run_attempt(host, attempt)
    asked = ["\n".join(texts(request.items)) for request in models["dear"].requests]
    return result, await host.store.events(attempt), asked


async def test_a_repair_finds_what_is_right_in_the_change_before_it(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    """The loop mends one file and breaks another; the first alone passes, and nobody has to be asked."""
    write = f"printf '%s' \"{RIGHT}\" > word.py; echo 'def other(): return 1' > other.py"
    cheap: list[Entry] = [sh("c1", write), say("Done.")]
    result, events, asked = await after(bench, make_repository(WORD), ("loop", "repair"), cheap, [])
    assert (result.verdict, asked) == ("verified", [])
    assert [run.verdict for run in result.stages] == ["failing", "verified"]
    assert [change.path for change in result.changes] == ["word.py"]
    tried = [event.source for event in events if isinstance(event, CandidateTried) and event.outcome == "passed"]
    assert tried == [MODEL]


async def test_a_repair_is_shown_the_change_that_did_not_help(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    cheap: list[Entry] = [sh("c1", "sed -i \"s/return 1/return 'two'/\" word.py"), say("Done.")]
    dear: list[Entry] = [say("no idea"), say(f"```python\n{RIGHT}```")]
    result, _, asked = await after(bench, make_repository(WORD), ("loop", "repair"), cheap, dear)
    assert (result.verdict, len(asked)) == ("verified", 2)
    assert "These changes were tried and do not help:" in asked[1] and "+    return 'two'" in asked[1]


async def test_a_loop_is_told_how_the_repair_before_it_failed(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    """How many edits were tried, what still fails, and what the tests say."""
    dear: list[Entry] = [say("I give up.")]
    cheap: list[Entry] = [say("no idea")] * 40
    result, _, asked = await after(bench, make_repository(WORD), ("repair", "loop"), cheap, dear)
    assert re.search(r"It tried \d+ small edits \(mutation", asked[0])
    assert "Fails as before: `python3 -m unittest -q`\n- test_word.Test.test_" in asked[0]
    assert "it has no word" in asked[0] and "test_word.Test.test_one" in asked[0]
    assert [run.verdict for run in result.stages] == ["unchanged", "unchanged"]


TWICE = {
    "twice.py": "def twice(x):\n    return x - 2\n",
    "test_twice.py": (
        "import unittest\nfrom twice import twice\n\n\nclass Test(unittest.TestCase):\n"
        "    def test_twice(self):\n        self.assertEqual(twice(2), 4)\n"
    ),
}


async def test_a_small_model_that_finds_one_more_change_which_passes_leaves_it_in_doubt(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    """Many edits pass the one test. What the repair took is what the loop's answer has to be like."""
    folder = make_repository(TWICE)

    async def answered(line: str) -> tuple[Result, list[Event]]:
        dear: list[Entry] = [say(f"```python\ndef twice(x):\n{line}\n```")] * 9
        return (await after(bench, folder, ("repair", "loop"), [say("none")] * 9, dear, SMALL))[:2]

    result, events = await answered("    return max(x, x * x)")
    assert (result.verdict, ANOTHER in result.warnings) == ("unverified", True)
    diff = next(event.diff for event in events if isinstance(event, CandidateTried) and event.outcome == "passed")
    [taken] = re.findall(r"^\+(    .*)", diff, re.MULTILINE)
    result, events = await answered(taken)  # it was shown that one: to write it again confirms nothing
    [earlier] = [event.result for event in events if isinstance(event, Escalated)]
    assert (result.verdict, result.diff) == ("unverified", earlier.diff)
    assert earlier.warnings and set(earlier.warnings) <= set(result.warnings) and ANOTHER not in result.warnings


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        ("local", ("local", None)),
        ("local loop", ("local", "loop")),
        ("openai:gpt-6.1-terra  repair", ("openai:gpt-6.1-terra", "repair")),
        ("my model", ("my model", None)),
        ("loop", ("loop", None)),
    ],
)
def test_an_entry_names_a_model_and_perhaps_a_way(entry: str, meant: tuple[str, str | None]) -> None:
    assert named(entry) == meant
