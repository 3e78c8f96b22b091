"""The search for a repair: what is known, what was tried, and the two sources of candidates."""

import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from journeyman.agent.repair import prompts
from journeyman.agent.repair.candidates import ANEW, Candidate, Tried, Verdict
from journeyman.agent.repair.choice import INSTRUCTIONS, opening
from journeyman.agent.repair.javascript_anew import CLOSED
from journeyman.agent.repair.language import form, mutations
from journeyman.agent.repair.locate import Suspect
from journeyman.agent.repair.minimal import minimal
from journeyman.agent.repair.prompts import (
    Subject,
    code_of,
    failed_before,
    headed,
    request,
    splice,
    subjects_of,
)
from journeyman.agent.repair.reach import FEW, Reach, barely_tested
from journeyman.agent.repair.source import Mutation
from journeyman.agent.repair.validate import Goal, Trials, confirm
from journeyman.agent.work import Work
from journeyman.core import folds
from journeyman.core.events import PROVISIONAL, CandidateTried, Progressed, Replied
from journeyman.core.evidence import CheckRun
from journeyman.core.model import ModelRequest
from journeyman.core.text import clip

LONGER, LONGEST = 2.0, 10.0
"""Seconds of a second and a third trial of what the first limit cut."""

AROUND, BATCH = 120, 60
"""Where little is tested: small edits that are tried at least, and those that are tried at a time."""

CHOICES = 24
"""Survivors that the model is asked to choose from, at most."""

LONGEST_ANEW = 4_000
"""Characters of a function up to which the model is asked to write it anew."""

TRACED = (2, 5)
"""Of eight samples, those that are shown the values of variables."""

_LADDER = (0.0, 0.5, 0.7, 0.8, 0.9, 1.0, 0.6, 0.8)


@dataclass(frozen=True, slots=True)
class Hasty:
    """A candidate that a limit cut, in seconds, after it fixed so many tests and failed none."""

    candidate: Candidate
    fixed: int
    limit: float


@dataclass(slots=True)
class Search:
    """One search. `survivors` passed the tests that were tried on them; `promising` fixed some test or were cut."""

    work: Work
    goal: Goal
    others: Sequence[CheckRun]
    goals: Sequence[Goal]
    suspects: Sequence[Suspect]
    texts: dict[str, str]
    failures: str
    trials: Trials
    seconds: float
    tried: Tried = field(default_factory=Tried)
    survivors: list[Candidate] = field(default_factory=list[Candidate])
    partial: list[tuple[Candidate, Verdict]] = field(default_factory=list[tuple[Candidate, Verdict]])
    hasty: list[Hasty] = field(default_factory=list[Hasty])
    misses: list[tuple[Candidate, Verdict]] = field(default_factory=list[tuple[Candidate, Verdict]])
    votes: Counter[str] = field(default_factory=Counter[str])
    confirmed: Candidate | None = None
    paths: Sequence[str] = ()
    reach: Reach = field(default_factory=dict[str, dict[int, int]])
    values: str = ""
    """What variables held while a failing example ran, in words for the model."""

    put_aside: list[Candidate] = field(default_factory=list[Candidate])
    """Those that passed what is tested, and do not give what the documentation says."""

    doubt: str = ""
    """Why the survivor that was taken may be wrong all the same."""
    count: int = 0
    found: int = 0
    """After how many tries the first of them passed."""

    seen: int = 0
    """Tests that ran on a candidate that passed, where that is known."""

    @property
    def weak(self) -> bool:
        """Whether so little is tested that wrong edits will pass too.

        Where a whole file of tests failed, only a candidate that passes shows how many there are. Of many tests few may
        run what it changes.
        """
        if self.goal.is_weak:
            return self.seen <= FEW
        few = len(self.goal.failing) <= FEW  # of many, not all were watched
        return few and bool(self.survivors) and barely_tested(self.reach, self.survivors[0])

    async def settled(self) -> bool:
        """Whether there is nothing more to look for: a survivor that passes every check.

        Where little is tested wrong edits pass too: then one is taken only when all are known (`decide`).
        """
        if self.confirmed is None and self.survivors and not self.weak:
            self.confirmed = await self.winner()
        return self.confirmed is not None

    async def say(self, text: str) -> None:
        await self.work.log.append(Progressed(text=text))

    async def attempt(
        self, candidates: Sequence[Candidate], seconds: float | None = None, *, first: bool = False
    ) -> list[Candidate]:
        """Try candidates that were not tried before, sort them by what came of it, and log it.

        With `first` the first that passes may be the last that is tried; returns those that were not.
        """
        events: list[CandidateTried] = []
        left = {id(candidate): candidate for candidate in candidates}
        limit = seconds or self.seconds

        def on_verdict(candidate: Candidate, verdict: Verdict) -> None:
            self.count += 1
            left.pop(id(candidate), None)
            if verdict.outcome == "passed" and not self.survivors:
                self.found = self.count
            events.append(event_of(candidate, verdict))
            self._sort(candidate, verdict, limit)

        await self.trials.run(candidates, limit, on_verdict, first=first)
        await self.work.log.append(*events)
        return list(left.values())

    def _sort(self, candidate: Candidate, verdict: Verdict, limit: float) -> None:
        if verdict.outcome == "passed":
            self.seen = max(self.seen, verdict.fixed)
            self.survivors.append(candidate)
        elif verdict.outcome == "better":
            self.partial.append((candidate, verdict))
        elif verdict.hasty:
            self.hasty.append(Hasty(candidate, verdict.fixed, limit))
        if verdict.outcome != "passed" and candidate.by_model:
            self.misses.append((candidate, verdict))

    def ranked(self) -> list[Candidate]:
        """The survivors: those that change the code before what is written anew, then those that the model wrote too,
        then the smallest change, then the likeliest kind."""
        return sorted(self.survivors, key=self._order)

    def _order(self, candidate: Candidate) -> tuple[bool, int, int, float, int]:
        lines, characters = candidate.size
        return candidate.is_anew, -self.votes[program(candidate)], lines, -candidate.weight, characters

    async def winner(self) -> Candidate | None:
        """The best survivor that every check passes on; those that fail there are no survivors."""
        while self.survivors:
            candidate = self.ranked()[0]
            verdict = await confirm(self.work, candidate, self.goals, self.others)
            await self.work.log.append(event_of(candidate, verdict, final=True))
            if verdict.outcome == "passed":
                return await self._smallest(candidate)
            self.survivors.remove(candidate)
            if verdict.outcome == "better":
                self.partial.append((candidate, verdict))
        return None

    async def _smallest(self, winner: Candidate) -> Candidate:
        """The winner without what it does not need, if every check passes on that too."""
        candidate = await minimal(winner, self.trials, max(self.seconds, 1.0), tested=not self.weak)
        if candidate.text == winner.text:
            return winner
        verdict = await confirm(self.work, candidate, self.goals, self.others)
        if verdict.outcome != "passed":
            return winner
        await self.work.log.append(event_of(candidate, verdict, final=True))
        return candidate


def program(candidate: Candidate) -> str:
    """What two candidates have in common that differ only in layout."""
    return form(candidate.path, candidate.text) or candidate.text


def event_of(candidate: Candidate, verdict: Verdict, *, final: bool = False) -> CandidateTried:
    outcome, note = verdict.outcome, verdict.note
    if outcome == "passed" and not final:
        outcome, note = "better", PROVISIONAL
    return CandidateTried(
        source=candidate.source, diff=candidate.diff, outcome=outcome, note=note, seconds=round(verdict.seconds, 3)
    )


class Pool:
    """Single mutations of all suspects, the likeliest first; their texts are made when they are taken."""

    def __init__(self, suspects: Sequence[Suspect], texts: Mapping[str, str], limit: int = 6000) -> None:
        top = max((suspect.score for suspect in suspects), default=1.0) or 1.0
        found: list[tuple[float, str, Mutation]] = []
        for suspect in suspects:
            share = max(suspect.score / top, 0.1)
            lines = list(suspect.functions.values())
            for mutation in mutations(suspect.path, texts[suspect.path], lines, suspect.lines, limit):
                weight = mutation.weight * share * suspect.lines.get(mutation.line, 1.0)
                found.append((weight, suspect.path, mutation))
        self._texts = texts
        self._left = deque(sorted(found, key=lambda each: -each[0])[:limit])
        self._back: deque[Candidate] = deque()

    def __len__(self) -> int:
        return len(self._left) + len(self._back)

    def take(self) -> Candidate:
        if self._back:
            return self._back.popleft()
        weight, path, mutation = self._left.popleft()
        text = self._texts[path]
        return Candidate(path, text, mutation.apply(text), f"mutation: {mutation.kind}", weight)

    def put_back(self, candidates: Sequence[Candidate]) -> None:
        """Candidates that were taken and not tried: they are the next again."""
        self._back.extendleft(reversed(candidates))


async def by_mutation(search: Search, pool: Pool, seconds: float) -> None:
    """Try mutants of `pool`, taking them out of it, until one survives or the time is up.

    Where little is tested, wrong ones survive too: then it goes on for as many tries again, so that the model has a
    choice. A slow machine gets more time, so that what is found does not hang on how busy it is.
    """
    began, until = search.count, time.monotonic() + seconds
    until_tried = began + search.trials.least
    while pool and (time.monotonic() < until or search.count < until_tried):
        if search.survivors and (not search.weak or search.count >= until_tried or len(search.survivors) >= CHOICES):
            break
        batch: list[Candidate] = []
        # Where little is tested so many are tried in any case, and each batch starts pytest anew.
        size = search.trials.batch if not search.weak else AROUND if search.count == began else BATCH
        while pool and len(batch) < size:
            candidate = pool.take()
            if search.tried.is_new(candidate):
                batch.append(candidate)
        alone = not search.survivors
        untried = await search.attempt(batch, first=not search.weak)
        for candidate in untried:
            search.tried.forget(candidate)
        pool.put_back(untried)
        if not search.survivors:
            await promising(search)
        elif search.weak and alone:
            again = min(search.found - began, search.trials.least)
            until_tried = max(began + min(AROUND, search.trials.least), search.found + again)
        if await search.settled():
            break


async def more_patience(search: Search, seconds: float) -> None:
    """Candidates that a short limit cut, once more with a longer one, and no candidate twice with the same.

    What is right takes about as long as what it mends, so the longest limit is only where a test of the base took long,
    or had no end.
    """
    base = search.goal
    slowest = max((test.seconds for test in base.run.tests), default=base.run.seconds)
    slow = bool(base.endless) or base.run.cut == "time" or slowest > LONGER
    for limit in (LONGER, LONGEST) if slow else (LONGER,):
        waiting = [one for one in search.hasty if one.limit < limit]
        waiting.sort(key=lambda one: (-one.fixed, -one.candidate.weight))
        until = time.monotonic() + seconds / 2
        size = 8 if limit == LONGER else 2
        while waiting and time.monotonic() < until and not search.survivors:
            batch, waiting = waiting[:size], waiting[size:]
            await _once_more(search, batch, limit)


async def promising(search: Search) -> None:
    """The few that fixed some test before they were cut, once more with a longer limit, without delay."""
    chosen = [one for one in search.hasty if one.fixed and one.limit < LONGER]
    if chosen:
        await _once_more(search, sorted(chosen, key=lambda one: -one.fixed)[:4], LONGER)


async def _once_more(search: Search, cut: Sequence[Hasty], limit: float) -> None:
    search.hasty = [one for one in search.hasty if one not in cut]
    await search.attempt([one.candidate for one in cut], limit, first=True)


def subjects(search: Search) -> list[Subject]:
    """What the model is shown, the most suspicious first."""
    found: list[Subject] = []
    for suspect in search.suspects:
        if found and not suspect.functions:
            continue  # there is nothing in it that runs
        found += subjects_of(suspect.path, search.texts[suspect.path], suspect.ordered()[:3])
    return found


def documented(suspects: Sequence[Suspect], texts: Mapping[str, str]) -> list[Subject]:
    """What the model may write anew: suspicious functions that say what they do, the most suspicious first."""
    found = [part for one in suspects for part in prompts.documented(one.path, texts[one.path], one.ordered())]
    return [part for part in dict.fromkeys(found) if len(part.code) < LONGEST_ANEW]


async def by_model(search: Search, samples: int, seconds: float) -> None:
    """Ask the model for corrected code, again and again in different ways, until an answer survives.

    One after the other: the local model reads a prompt that it has just read for nothing, and side by side it is hardly
    faster, while each request would read the prompt anew.
    """
    shown, fresh = subjects(search), documented(search.suspects, search.texts)
    if not shown:
        return
    until = time.monotonic() + seconds
    first = folds.steps(search.work.log.events)
    for number in range(first, first + samples):
        # What is written anew may leave out what no test asks for: then the code itself is mended too, once.
        anew_alone = number % 2 == 1 and all(one.is_anew for one in search.survivors)
        if time.monotonic() > until or (search.survivors and not anew_alone):
            break
        candidate = await sample(search, shown, fresh, number)
        if candidate is not None and search.tried.is_new(candidate):
            await search.attempt([candidate], max(search.seconds, 1.0))


async def sample(search: Search, shown: Sequence[Subject], fresh: Sequence[Subject], number: int) -> Candidate | None:
    """One answer of the model as a candidate; None when there is no usable code in it."""
    work = search.work
    in_turn = bool(fresh) and work.model.profile.completes
    subject = shown[(number // 2 if in_turn else number) % len(shown)] if number >= 2 else shown[0]
    temperature = _LADDER[(number // 2 if in_turn else number) % len(_LADDER)]
    if in_turn and number % 2 == 0:
        return await written_anew(search, fresh[number // 2 % len(fresh)], number)
    before = search.values if number % 8 in TRACED else ""
    if number % 4 == 3 or (number % 4 == 1 and search.work.earlier):
        recent = search.misses[-2:]
        before = failed_before([(candidate.diff, verdict.note) for candidate, verdict in recent])
    asked = request(
        subject,
        work.start.prompt,
        search.failures if number % 8 != 6 else "",
        before=before,
        temperature=temperature,
        seed=work.start.seed + number,
        cache_key=work.start.task_id,
    )
    return await _answered(search, subject, asked, "", number)


async def written_anew(search: Search, subject: Subject, number: int) -> Candidate | None:
    """A function as the model writes it behind its documentation; None when there is no usable code in the answer."""
    begun, asked = anew(search.work, subject, number)
    return await _answered(search, subject, asked, begun, number)


async def _answered(search: Search, subject: Subject, asked: ModelRequest, begun: str, number: int) -> Candidate | None:
    began = time.monotonic()
    reply = await search.work.model.reply(asked)
    await search.work.log.append(Replied(reply=reply, seconds=round(time.monotonic() - began, 3)))
    code = code_of(begun + reply.text.removeprefix(begun))
    text = splice(subject, code) if code else None
    if text is None or text == subject.text:
        return None
    kind = ANEW if begun else "model"
    source = f"{kind}: sample {number + 1}, temperature {asked.temperature or 0:g}"
    candidate = Candidate(subject.path, subject.text, text, source, 0.5)
    search.votes[program(candidate)] += 1
    return candidate


def anew(work: Work, subject: Subject, number: int) -> tuple[str, ModelRequest]:
    """A sample that does not see the code, only what its documentation says: the beginning of the answer, the request.

    A small model copies what it sees, mistakes and all.
    """
    question, answer = opening(subject, headed(subject) or "", work.start.prompt)
    ends = ("\ndef ", "\nclass ", "\nif __name__") if subject.path.endswith(".py") else (CLOSED,)
    asked = ModelRequest(
        instructions=INSTRUCTIONS,
        items=(question, answer),
        temperature=_LADDER[number // 2 % len(_LADDER)],
        seed=work.start.seed + number,
        stop=("\n```", *ends),
        max_output_tokens=min(200 + len(subject.code) // 2, 1500),
        cache_key=work.start.task_id,
    )
    return answer.text, asked


def failures_of(goal: Goal, notes: Iterable[tuple[str, str]], limit: int = 3) -> str:
    """A few failing tests with what they saw, in words for the model; `notes` are (id, message)."""
    said = dict(notes)
    rows: list[str] = []
    meant = [test for test in goal.run.failing if test.id not in goal.aside]
    for test in [*(one for one in meant if one.id not in goal.endless), *meant][:limit]:
        message = said.get(test.id) or test.message
        row = f"{test.id}: never ends" if test.id in goal.endless else f"{test.id}: {_seen(message)}"
        if row not in rows:
            rows.append(row)
    return "\n".join(rows)


def _seen(message: str) -> str:
    """The line of a test's message that tells most, short."""
    rows = [row.strip() for row in message.splitlines() if row.strip()]
    telling = [row.removeprefix("E ").strip() for row in rows if row.startswith("E ")] or rows
    first = next((row for row in telling if "assert" in row or "Error" in row), telling[0] if telling else "fails")
    return clip(first, 200)
