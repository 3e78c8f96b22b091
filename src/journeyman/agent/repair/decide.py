"""Which of the edits that pass is taken, where so little is tested that wrong ones pass too."""

from collections.abc import Sequence

from journeyman.agent.repair.candidates import Candidate
from journeyman.agent.repair.choice import alike, can_finish, choose, endorsed, finished, fork_of, nearest, written
from journeyman.agent.repair.search import CHOICES, Search, program
from journeyman.agent.repair.second import (
    EDGES,
    UNLIKE,
    behaviour_of,
    contradicted,
    copied,
    passing,
    seconded,
    split_of,
    worse,
)
from journeyman.core.errors import ModelError

EDIT = 0.9
"""From 0 to 1: how like the code a text is at least that is an edit of it."""

BY_CHANCE = "Hardly any test runs what was changed, and the model did not write the same: it may pass by chance."
REFUSED = "Little is tested of what was changed, and the model, which was asked, does not hold it to be right."
CHOSEN = (
    "Different edits pass the few tests that there are. The model could only choose between them: what it writes "
    "itself does not pass."
)
COPIED = "It returns what the tests expect, as they have it: it may answer only what is tested."
CONTRADICTED = "It passes the tests, and does not give what the documentation says."


async def decide(search: Search, *, last: bool = False) -> None:
    """Take one of the survivors; where little is tested the one that gives what the model's own code gives.

    Those that the documentation contradicts, or that copied answers of the tests, are put aside, and taken only when
    nothing else was found: with `last`.
    """
    while search.confirmed is None and (search.survivors or (last and search.put_aside)):
        if not search.survivors:
            search.survivors, search.put_aside = search.put_aside, []
            search.confirmed = await search.winner()
            against = [search.confirmed] if search.confirmed is not None else []
            search.doubt = CONTRADICTED if await contradicted(search, against) else COPIED if against else ""
            return
        search.doubt = ""
        if await _put_aside(search):
            continue
        chosen = await _chosen(search) if search.weak else None
        if chosen is not None:
            search.votes[program(chosen)] += 1
        search.confirmed = await search.winner()
    if search.confirmed is not None and search.confirmed.is_anew and not search.doubt:
        search.doubt = await worse(search, search.confirmed)


async def _put_aside(search: Search) -> bool:
    """Whether there was something among the survivors that is not to be taken; it is none of them any more."""
    bad = {
        "return what the tests expect": copied(search, search.survivors),
        "do not give what the documentation says": await contradicted(search, search.survivors) if search.weak else [],
    }
    for what, ones in bad.items():
        if ones:
            await search.say(f"{len(ones)} of what passes {what}.")
    against = [one for ones in bad.values() for one in ones]
    search.put_aside += [one for one in dict.fromkeys(against)]
    search.survivors = [one for one in search.survivors if one not in against]
    return bool(against)


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
    known = await behaviour_of(search, ranked)
    count = len(search.survivors)
    if known is not None and len(known.classes) == 1:
        await search.say(f"{count} edits pass, and give the same for {len(known.inputs)} inputs like those tested.")
        return ranked[0]
    split = await split_of(search, known, ranked) if known is not None else ""
    search.doubt = (
        f"{count} different edits pass the few tests that there are, and nothing tells which of them is meant; the "
        f"smallest was taken. {split}".rstrip()
    )
    return None


async def _confirmed(search: Search, only: Candidate) -> Candidate:
    """The one edit that passes, or what the model writes in its place, if that passes as well and gives something else.

    An edit may pass by chance, since so many are tried; what is written once hardly does. Which of the two it is, a
    third says: the function written anew (`seconded`). Where it cannot be found out what they give, what the model
    writes is taken if it is an edit too: another program may differ in much. Where there are few tests and all run the
    edit, a small model's other words that do not pass say little, and the third is asked alone, unless the edit is the
    model's own; where of many tests hardly one runs it, and there is much more to edit, they leave it in doubt.
    """
    search.doubt = "" if search.goal.is_weak else BY_CHANCE
    if not search.work.model.profile.completes:
        search.doubt = "" if await endorsed(search.work, only) else REFUSED
        return only
    tries = await finished(search.work, only)
    passes = [found for one in tries if (found := await passing(search, one)) is not None]
    if not passes:
        return only if only.by_model or not search.goal.is_weak else await seconded(search, only, [only])
    own = passes[0]
    is_line = len(tries) > 1 and program(own) == program(tries[0])
    if any(program(one) == program(only) for one in passes):
        search.doubt = ""
        return only
    if not search.goal.is_weak:
        return only  # where hardly a test runs what is changed, something else that passes shows nothing
    is_edit = alike(own) >= EDIT
    known = await behaviour_of(search, [only, own])
    if known is None:
        return own if is_edit else only
    if sum(one != two for one, two in zip(*known.rows, strict=True)) < EDGES:
        return own if is_line else only
    await search.say("What the model writes in its place passes too, and gives something else.")
    picked = own if is_edit else only
    split = await split_of(search, known, [only, own])
    return await seconded(search, picked, [only, own], f"{UNLIKE} {split}".rstrip())


async def _of_several(search: Search, ranked: Sequence[Candidate]) -> Candidate | None:
    """What the model writes where the edits part, if it passes; else the edit most like it, or the one it picks."""
    first, *others = ranked
    best = [first, *(one for one in others if fork_of([first, one]) is not None)]
    own = await written(search.work, best)
    if (passes := await passing(search, own)) is not None:
        return passes
    picked = (nearest(own, best) if own is not None else None) or await choose(search.work, best)
    doubt = CHOSEN if search.work.model.profile.completes else ""
    return await seconded(search, picked, best, doubt) if picked is not None else None
