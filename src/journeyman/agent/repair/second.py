"""Second opinions on edits that pass, where little is tested: the documentation, other inputs, the function anew."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from journeyman.agent.repair import node_differ
from journeyman.agent.repair.candidates import Candidate
from journeyman.agent.repair.choice import first_change
from journeyman.agent.repair.differ import Behaviour, behaviour, changed_function, fails_more, gives_for
from journeyman.agent.repair.javascript_examples import check_of
from journeyman.agent.repair.made import PLAIN, Case, cases_of, tests_of
from journeyman.agent.repair.node import NodeTrials
from journeyman.agent.repair.probe import Ran, Record, Trial, run_trials
from journeyman.agent.repair.search import Search, documented, program, written_anew
from journeyman.agent.repair.validate import ProbeTrials, encoded, side_by_side
from journeyman.checks.copied import copied_answers
from journeyman.core.text import clip
from journeyman.sandbox.protocol import Sandbox

EDGES = 3
"""Inputs on which two programs may differ: they are at the edge, where nothing says what is right."""

EXAMPLES = "test_examples_of_documentation.py"
CPU, BUDGET = 2.0, 10.0
"""Seconds for one edit on the examples of the documentation, and for all."""

CANNOT_RUN = ("NameError", "ImportError", "ModuleNotFoundError", "SyntaxError", " of the docstring for ")
"""What an example says that is not complete, or that doctest cannot read."""

SAMPLES = (0, 2)
"""What is written anew once more where it does not pass: the first without temperature."""

UNLIKE = "It passes, and so does what the model writes in its place, which gives something else."
OTHERWISE = (
    "Different edits pass the few tests that there are; what the model writes anew gives something else than any."
)


async def contradicted(search: Search, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those of the candidates that do not give what the documentation of the function they change says."""
    found: list[Candidate] = []
    if isinstance(search.trials, NodeTrials) and not search.goal.is_made:
        found = await _contradicted_in_node(search.trials, candidates)
    if isinstance(search.trials, ProbeTrials) and not search.goal.is_made:
        by_function: defaultdict[tuple[str, str | None], list[Candidate]] = defaultdict(list)
        for one in candidates:
            by_function[one.path, changed_function([one])].append(one)
        for (path, name), alike in by_function.items():
            cases = cases_of(path, alike[0].before, name, search.paths) if name is not None else []
            found += await _contradicted(search, search.trials, alike, cases) if cases else ()
    return found


async def _contradicted(
    search: Search, trials: ProbeTrials, candidates: Sequence[Candidate], cases: Sequence[Case]
) -> list[Candidate]:
    path, records = candidates[0].path, list[Record]()
    tests = tuple(f"{EXAMPLES}::test_{number}" for number in range(1, len(cases) + 1))
    numbers = {trials.taken(): one for one in candidates}

    async def tried(layer: Sandbox, part: Sequence[int]) -> None:
        await layer.write(EXAMPLES, tests_of(path, cases, search.paths).encode())
        await run_trials(
            layer,
            PLAIN,
            {number: Trial({path: numbers[number].text}, tests) for number in part},
            mark=trials.mark,
            cpu=CPU,
            wall=2 * CPU,
            budget=BUDGET,
            on_record=records.append,
        )
        await layer.remove(EXAMPLES)

    await side_by_side(trials.layers, list(numbers), tried)
    return [numbers[record.number] for record in records if any(_says_otherwise(test) for test in record.tests)]


async def _contradicted_in_node(trials: NodeTrials, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those with which the examples in the comments of their file fail, one of them because of what it came to."""
    found: list[Candidate] = []

    async def tried(layer: Sandbox, part: Sequence[Candidate]) -> None:
        for one in part:
            command = check_of(one.path, one.before)
            if command is None:
                continue
            await layer.write(one.path, encoded(one.text))
            try:
                done = await layer.exec(["sh", "-c", command], timeout=BUDGET)
            finally:
                await layer.write(one.path, encoded(one.before))
            if done.exit_code != 0 and b"AssertionError" in done.output:
                found.append(one)

    await side_by_side(trials.layers, candidates, tried)
    return found


def copied(search: Search, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that a model wrote and into which it copied answers of the tests."""
    tests = [search.texts.get(path, "") for path in dict.fromkeys(id.split("::")[0] for id in search.goal.failing)]
    python = (one for one in candidates if one.by_model and one.path.endswith(".py"))
    return [one for one in python if copied_answers(one.path, one.before, one.text, tests)]


def _says_otherwise(test: Ran) -> bool:
    """Whether an example came to something else; one that cannot be run as it stands says nothing."""
    return test.outcome not in ("passed", "skipped") and not any(word in test.message for word in CANNOT_RUN)


async def worse(search: Search, taken: Candidate) -> str:
    """Where an edit gives nothing, and the code before gave something, in words; empty where nowhere."""
    before = replace(taken, text=taken.before)
    known = await behaviour_of(search, [taken, before])
    at = fails_more(known) if known is not None else None
    return await _told(search, known, [taken, before], at) if known is not None and at is not None else ""


async def split_of(search: Search, known: Behaviour, ranked: Sequence[Candidate]) -> str:
    """On what the first of `ranked` and the first that gives something else differ, as a sentence."""
    one, two = (group[0] for group in known.classes[:2])
    at = known.splitting([one, two], 1)[0]
    return await _told(search, known, [ranked[one], ranked[two]], at)


async def _told(search: Search, known: Behaviour, pair: Sequence[Candidate], at: int) -> str:
    split = None
    if isinstance(search.trials, ProbeTrials):
        split = await gives_for(search.trials, pair, known, at, search.paths)
    elif isinstance(search.trials, NodeTrials):
        split = await node_differ.gives_for(search.trials, pair, known, at)
    if split is None:
        return ""
    one, two = (clip(text, 100) for text in split.gives)
    other = "the code before" if pair[1].text == pair[1].before else "another one"
    return f"For {clip(split.call, 120)} it gives {one}, {other} {two}."


async def seconded(search: Search, picked: Candidate, best: Sequence[Candidate], otherwise: str = "") -> Candidate:
    """What was picked, or the one of `best` that gives what the model gives that writes the function anew.

    It sees nothing but the documentation: that what it writes passes, and gives the same as an edit, is hardly by
    chance. Where it passes and gives the same as none of them, what was picked is in doubt. `otherwise` is the doubt
    where it does not pass, or there is no documentation, unless all of `best` give the same.
    """
    ordered = [picked, *(one for one in best if one is not picked)]
    one_function = changed_function(ordered) or node_differ.changed_function(ordered)
    anew = await _anew(search, picked) if one_function is not None else None
    if anew is not None and any(one.by_model and program(one) == program(anew) for one in best):
        anew = None  # the same words again are no third opinion
    asked = ordered if anew is None else [anew, *ordered]
    known = await behaviour_of(search, asked) if anew is not None or otherwise else None
    if known is None or anew is None:
        is_one = known is not None and len(ordered) > 1 and len(known.classes) == 1
        search.doubt = "" if is_one else otherwise
        return picked
    row, *rows = known.rows
    apart = [sum(one != two for one, two in zip(row, other, strict=True)) for other in rows]
    near = next((place for place, count in enumerate(apart) if count < EDGES), None)
    search.doubt = "" if near is not None else OTHERWISE if len(best) > 1 else UNLIKE
    return ordered[near or 0]


async def _anew(search: Search, picked: Candidate) -> Candidate | None:
    """The function that an edit changes as the model writes it from its documentation, if that passes."""
    subjects = documented([one for one in search.suspects if one.path == picked.path], search.texts)
    at = first_change(picked.before, picked.text)
    subject = next((one for one in subjects if one.start <= at <= one.end), None)
    can = isinstance(search.trials, ProbeTrials | NodeTrials) and search.work.model.profile.completes
    if subject is None or not can:
        return None
    for number in SAMPLES:
        if (found := await passing(search, await written_anew(search, subject, number))) is not None:
            return found
    return None


async def passing(search: Search, own: Candidate | None) -> Candidate | None:
    """What the model wrote, if it passes: the survivor that is the same program, or itself, which is tried."""
    if own is None:
        return None
    same = next((one for one in search.survivors if program(one) == program(own)), None)
    if same is None and search.tried.is_new(own):
        await search.attempt([own], max(search.seconds, 1.0))
        same = own if own in search.survivors else None
    return same


async def behaviour_of(search: Search, candidates: Sequence[Candidate]) -> Behaviour | None:
    """On what the candidates differ, where that can be found out."""
    files = dict.fromkeys(test.split("::")[0] for test in search.goal.failing)
    tests = [search.texts.get(path, "") for path in files]
    match search.trials:
        case ProbeTrials() as trials:
            return await behaviour(trials, candidates, tests, search.paths)
        case NodeTrials() as trials:
            return await node_differ.behaviour(trials, candidates, tests)
        case _:
            return None
