"""A model between attempts that nothing else tells apart: asked last, twice, and believed only where it agrees."""

import json
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from journeyman.attempt.begin import Order, draft
from journeyman.attempt.clones import ground_of
from journeyman.attempt.host import Host, ModelPlan, Tell
from journeyman.cli.work import Watcher, work
from journeyman.core import folds
from journeyman.core.errors import ModelError, Unreachable
from journeyman.core.events import Judged
from journeyman.core.evidence import Change, Result, best, contested
from journeyman.core.model import ModelRequest, Profile, Reply, call, say
from journeyman.core.task import Attempt, Crossed, Opinion
from journeyman.core.usage import Usage
from journeyman.core.words import judged_words
from journeyman.models.scripted import Scripted
from journeyman.server.views.choice import ranked, why
from tests.attempt.conftest import Bench, MakeBench
from tests.conftest import MakeRepository

FILES = {"a.txt": "one\n"}
CHECK = "! grep -qx one a.txt"
JUDGE = Profile(name="judge", judges=True)
ASKED = Usage(input_tokens=1_000, output_tokens=10, cost=0.25)


def is_judging(request: ModelRequest) -> bool:
    return request.cache_key.endswith(".judge")


def shown(request: ModelRequest) -> dict[str, str]:
    """The line that each change adds, by its letter."""
    text = "\n".join(item.text for item in request.items if item.kind == "user")
    return dict(re.findall(r"Change ([A-H]):\n```diff\n.*?^\+(\w+)\n", text, re.DOTALL | re.MULTILINE))


class Judge:
    """Plays the attempts, whose words are two, three …, and a judge that answers as `pick` says."""

    def __init__(self, pick: str) -> None:
        self.pick = pick
        self.asked: list[dict[str, str]] = []

    def play(self, request: ModelRequest) -> Reply:
        if is_judging(request):
            changes = shown(request)
            self.asked.append(changes)
            if self.pick == "first":
                return self._answer("A")
            if self.pick == "nonsense":
                return say("I like them all.")
            if self.pick == "down":
                raise Unreachable("Nobody answers.")
            return self._answer(next(letter for letter, word in changes.items() if word == self.pick))
        number = int(request.cache_key.rpartition(".")[2])
        word = ["two", "three", "four"][number - 1]
        done = any(item.kind == "tool_result" for item in request.items)
        return say("Done.") if done else call("shell", "c1", command=f"echo {word} > a.txt")

    def _answer(self, letter: str) -> Reply:
        said = json.dumps({"why": "It counts as was asked.", "best": letter})
        return say(f"```json\n{said}\n```").model_copy(update={"usage": ASKED})


def judged_by(one: Bench, judge: Judge, profile: Profile, name: str | None) -> Host:
    models = {"scripted": Scripted([judge.play] * 40, one.profile), "judge": Scripted([judge.play] * 40, profile)}

    @asynccontextmanager
    async def open_model(wanted: str, tell: Tell | None) -> AsyncGenerator[Scripted]:
        yield models[wanted]

    return replace(one.host, open_model=open_model, judge=name)


async def turn(host: Host, folder: Path, profile: Profile, number: int = 2) -> tuple[int, list[Attempt], list[Judged]]:
    order = Order(
        "Count on", "code", folder, ModelPlan("scripted", profile), attempts=number, checks=(CHECK,), strategy="loop"
    )
    new = await draft(order, ground_of(host), host.clock)
    await host.store.create(new.task, new.attempts, new.firsts, turn=new.turn)
    ended = await work(host, new.task, new.attempts, Watcher(None, None))
    attempts = await host.store.attempts(new.task.id)
    events = [event for one in attempts for event in await host.store.events(one.id)]
    chosen = next(one.number for one in attempts if one.id == ended.chosen)
    return chosen, attempts, [event for event in events if isinstance(event, Judged)]


async def test_the_same_answer_in_both_orders_decides(bench: MakeBench, make_repository: MakeRepository) -> None:
    """The last of three is taken, whose number and size speak for nothing; the reason is shown, the cost counted."""
    one, judge = bench([]), Judge("four")
    host = judged_by(one, judge, JUDGE, "judge")
    chosen, attempts, judged = await turn(host, make_repository(FILES), one.profile, 3)
    assert chosen == 3
    assert [set(changes.values()) for changes in judge.asked] == [{"two", "three", "four"}] * 2
    assert list(judge.asked[0].values()) == list(judge.asked[1].values())[::-1]
    [event] = judged
    opinion = event.opinion
    assert (opinion.best, opinion.model, opinion.why) == (attempts[2].id, "judge", "It counts as was asked.")
    assert event.usage.cost == 0.5
    spent = [attempt.summary.usage for attempt in attempts]
    assert sum(usage.cost or 0.0 for usage in spent) == 0.5 and sum(usage.input_tokens for usage in spent) > 2_000
    assert [attempt.number for attempt in ranked(attempts)] == [3, 1, 2]
    reason = "nothing that was run tells 1, 2 and 3 apart, and judge takes it for the best: It counts as was asked."
    assert why(attempts, attempts[2].id) == f"Attempt 3 of 3: every check passes on its result, {reason}"
    assert judged_words(event).startswith(
        "judge takes attempt 1.3 of 1.1, 1.2 and 1.3, which nothing else tells apart: "
    )


@pytest.mark.parametrize(
    ("pick", "said"),
    [("first", "it took another one in another order"), ("nonsense", "another order"), ("down", "Nobody answers")],
)
async def test_without_an_opinion_the_order_is_as_ever(
    bench: MakeBench, make_repository: MakeRepository, pick: str, said: str
) -> None:
    one, judge = bench([]), Judge(pick)
    host = judged_by(one, judge, JUDGE, "judge")
    chosen, attempts, [event] = await turn(host, make_repository(FILES), one.profile)
    assert (chosen, event.opinion.best) == (1, None)
    assert said in judged_words(event)
    assert "takes it for the best" not in why(attempts, attempts[0].id)


@pytest.mark.parametrize(
    ("profile", "name", "asked"),
    [(JUDGE, None, 0), (Profile(name="scripted", judges=True), None, 2), (JUDGE, "off", 0), (JUDGE, "judge", 2)],
)
async def test_who_is_asked(
    bench: MakeBench, make_repository: MakeRepository, profile: Profile, name: str | None, asked: int
) -> None:
    """The attempts' own model only where its profile lets it; another one where the setting names it; nobody else."""
    one, judge = bench([]), Judge("three")
    own = profile if profile.name == "scripted" else one.profile
    host = judged_by(replace(one, profile=own), judge, JUDGE, name)
    chosen, _, _ = await turn(host, make_repository(FILES), own)
    assert (len(judge.asked), chosen) == (asked, 2 if asked else 1)


def result(diff: str, lines: int = 2, **more: object) -> Result:
    change = Change(path="a", kind="update", added=lines, removed=0)
    return Result(verdict="verified", summary="", diff=diff, changes=(change,)).model_copy(update=more)


@pytest.mark.parametrize(
    ("results", "crossed", "wanted"),
    [
        ({"a": result("1"), "b": result("2")}, (), ("a", "b")),
        ({"a": result("1"), "b": result("1")}, (), ()),
        ({"a": result("1"), "b": result("2", verdict="failing")}, (), ()),
        ({"a": result("1", verdict="failing"), "b": result("2", verdict="failing")}, (), ()),
        ({"a": result("1"), "b": result("2", warnings=("w",))}, (), ()),
        ({"a": result("1", 4), "b": result("2", 5), "c": result("3", 6)}, (), ("a", "b")),
        ({"a": result("1"), "b": result("2")}, (Crossed(tests_of="a", on="b", passed=0, failed=1),), ()),
        ({"a": result("1")}, (), ()),
        ({}, (), ()),
    ],
)
def test_between_whom_a_model_is_asked(
    results: Mapping[str, Result], crossed: tuple[Crossed, ...], wanted: tuple[str, ...]
) -> None:
    """Not where anything that was run, or the size, tells them apart."""
    assert contested(results, crossed) == wanted


def test_evidence_goes_before_an_opinion() -> None:
    said = [Opinion(among=("a", "b"), best="b", model="m")]
    assert best({"a": result("1", 2), "b": result("2", 2)}, opinions=said) == "b"
    assert best({"a": result("1"), "b": result("2", warnings=("w",))}, opinions=said) == "a"
    failing = {"a": result("1"), "b": result("2", verdict="failing")}
    assert best(failing, opinions=said) == "a"
    crossed = [Crossed(tests_of="a", on="b", passed=0, failed=1)]
    assert best({"a": result("1"), "b": result("2")}, crossed=crossed, opinions=said) == "a"


def test_errors_of_models_are_what_a_judge_may_raise() -> None:
    assert issubclass(Unreachable, ModelError)
    assert folds.usage([Judged(opinion=Opinion(among=("a", "b"), model="m"), usage=ASKED)]) == ASKED
