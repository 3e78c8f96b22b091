"""Which of the edits that pass is taken, where so little is tested that wrong ones pass too."""

from collections.abc import Sequence
from dataclasses import replace

from journeyman.agent.repair.candidates import Candidate
from journeyman.agent.repair.choice import (
    alike,
    can_finish,
    choose,
    endorsed,
    finished,
    first_change,
    fork_of,
    nearest,
    written,
)
from journeyman.agent.repair.differ import Behaviour, behaviour, changed_function, fails_more, gives_for
from journeyman.agent.repair.search import CHOICES, Search, documented, program, written_anew
from journeyman.agent.repair.validate import ProbeTrials
from journeyman.core.errors import ModelError
from journeyman.core.text import clip

EDGES = 3
"""Inputs on which two programs may differ: they are at the edge, where nothing says what is right."""


EDIT = 0.9
"""From 0 to 1: how like the code a text is at least that is an edit of it."""

BY_CHANCE = "Hardly any test runs what was changed, and the model did not write the same: it may pass by chance."
OTHERWISE = (
    "Different edits pass the few tests that there are; what the model writes anew gives something else than any."
)
REFUSED = "Little is tested of what was changed, and the model, which was asked, does not hold it to be right."


async def decide(search: Search) -> None:
    """Take one of the survivors; where little is tested the one that gives what the model's own code gives."""
    while search.survivors and search.confirmed is None:
        search.doubt = ""
        chosen = await _chosen(search) if search.weak else None
        if chosen is not None:
            search.votes[program(chosen)] += 1
        search.confirmed = await search.winner()
    if search.confirmed is not None and search.confirmed.is_anew and not search.doubt:
        search.doubt = await _worse(search, search.confirmed)


async def _worse(search: Search, anew: Candidate) -> str:
    """Where what is written anew gives nothing, and the code before gave something, in words; empty where nowhere."""
    before = replace(anew, text=anew.before)
    known = await _behaviour(search, [anew, before])
    at = fails_more(known) if known is not None else None
    if known is None or at is None:
        return ""
    assert isinstance(search.trials, ProbeTrials)
    split = await gives_for(search.trials, [anew, before], known, at, search.paths)
    if split is None:
        return ""
    one, two = (clip(text, 100) for text in split.gives)
    return f"It is written anew, and for {clip(split.call, 120)} it comes to {one}; the code before came to {two}."


async def _chosen(search: Search) -> Candidate | None:
    ranked = search.ranked()[:CHOICES]
    # What is written anew may leave out what no test asks for.
    ranked = [one for one in ranked if not one.is_anew] or ranked
    try:
        if len(ranked) == 1:
            if can_finish(search.work, ranked[0]):
                await search.say("One edit passes what is tested. Asking the model to write it too.")
            elif not search.work.model.profile.completes:
                await search.say("One edit passes what is tested. Asking the model whether it is right.")
            return await _confirmed(search, ranked[0])
        await search.say(f"{len(search.survivors)} edits pass what is tested. Asking the model which it would write.")
        chosen = await _of_several(search, ranked)
    except ModelError as error:
        await search.say(f"The model gave no answer: {error}")
        chosen = None
    return chosen or (ranked[0] if len(ranked) == 1 else await _undecided(search, ranked))


async def _undecided(search: Search, ranked: Sequence[Candidate]) -> Candidate | None:
    """The smallest edit if all give the same for other inputs too; otherwise None, and the search is in doubt."""
    known = await _behaviour(search, ranked)
    count = len(search.survivors)
    if known is not None and len(known.classes) == 1:
        await search.say(f"{count} edits pass, and give the same for {len(known.inputs)} inputs like those tested.")
        return ranked[0]
    split = await _split(search, known, ranked) if known is not None else ""
    search.doubt = (
        f"{count} different edits pass the few tests that there are, and nothing tells which of them is meant; the "
        f"smallest was taken.{split}"
    )
    return None


async def _confirmed(search: Search, only: Candidate) -> Candidate:
    """The one edit that passes, unless what the model writes in its place passes as well and gives something else.

    An edit may pass by chance, since so many are tried; what is written once hardly does. Where it cannot be found out
    what the two give, what the model writes has to be an edit too: another program may differ in much. Where there are
    few tests and all run the edit, a small model's other words say little; where of many tests hardly one runs it, and
    there is much more to edit, they leave it in doubt.
    """
    search.doubt = "" if search.goal.is_weak else BY_CHANCE
    if not search.work.model.profile.completes:
        search.doubt = "" if await endorsed(search.work, only) else REFUSED
        return only
    own = await _passing(search, await finished(search.work, only))
    if own is None:
        return only
    search.doubt = ""
    if program(own) == program(only):
        return only
    known = await _behaviour(search, [only, own])
    other = alike(own) >= EDIT if known is None else _differing(known) >= EDGES
    if not other:
        return only
    await search.say("What the model writes in its place passes too, and gives something else. It is taken.")
    return own


def _differing(known: Behaviour) -> int:
    """For how many inputs the first two give different things."""
    return sum(one != two for one, two in zip(*known.rows[:2], strict=True))


async def _of_several(search: Search, ranked: Sequence[Candidate]) -> Candidate | None:
    """What the model writes where the edits part, if it passes; else the edit most like it, or the one it picks."""
    first, *others = ranked
    best = [first, *(one for one in others if fork_of([first, one]) is not None)]
    own = await written(search.work, best)
    if (passing := await _passing(search, own)) is not None:
        return passing
    near = nearest(own, best) if own is not None else None
    picked = near or await choose(search.work, best)
    return await _seconded(search, picked, best) if picked is not None else None


async def _seconded(search: Search, picked: Candidate, best: Sequence[Candidate]) -> Candidate:
    """What was picked, or the one of `best` that gives what the model gives that writes the function anew.

    It sees nothing but the documentation: that what it writes passes, and gives the same as an edit, is hardly by
    chance. Where it passes and gives the same as none of them, what was picked is in doubt.
    """
    subjects = documented([one for one in search.suspects if one.path == picked.path], search.texts)
    at = first_change(picked.before, picked.text)
    subject = next((one for one in subjects if one.start <= at <= one.end), None)
    can = isinstance(search.trials, ProbeTrials) and search.work.model.profile.completes
    if subject is None or not can or changed_function(best) is None:
        return picked
    ordered = [picked, *(one for one in best if one is not picked)]
    anew = await _passing(search, await written_anew(search, subject, 0))
    known = await _behaviour(search, [anew, *ordered]) if anew is not None else None
    if anew is None or known is None:
        return picked
    row, *rows = known.rows
    apart = [sum(one != two for one, two in zip(row, other, strict=True)) for other in rows]
    near = next((place for place, count in enumerate(apart) if count < EDGES), None)
    if near is None:
        search.doubt = OTHERWISE
    return ordered[near or 0]


async def _passing(search: Search, own: Candidate | None) -> Candidate | None:
    """What the model wrote, if it passes: the survivor that is the same program, or itself, which is tried."""
    if own is None:
        return None
    same = next((one for one in search.survivors if program(one) == program(own)), None)
    if same is None and search.tried.is_new(own):
        await search.attempt([own], max(search.seconds, 1.0))
        same = own if own in search.survivors else None
    return same


async def _behaviour(search: Search, candidates: Sequence[Candidate]) -> Behaviour | None:
    """On what the candidates differ, where that can be found out."""
    if not isinstance(search.trials, ProbeTrials):
        return None
    files = dict.fromkeys(test.split("::")[0] for test in search.goal.failing)
    return await behaviour(search.trials, candidates, [search.texts.get(path, "") for path in files], search.paths)


async def _split(search: Search, known: Behaviour, ranked: Sequence[Candidate]) -> str:
    """On what the first of `ranked` and the first that gives something else differ, as a sentence."""
    assert isinstance(search.trials, ProbeTrials)
    one, two = (group[0] for group in known.classes[:2])
    at = known.splitting([one, two], 1)[0]
    split = await gives_for(search.trials, [ranked[one], ranked[two]], known, at, search.paths)
    if split is None:
        return ""
    return f" For {clip(split.call, 120)} it gives {split.gives[0]}, another one {split.gives[1]}."
