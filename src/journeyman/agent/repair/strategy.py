"""The repair strategy: reproduce, locate, propose many edits, try each, keep the smallest that passes."""

import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import replace

from journeyman.agent.repair.candidates import Candidate
from journeyman.agent.repair.coverage import covered
from journeyman.agent.repair.decide import decide
from journeyman.agent.repair.earlier import hinted, try_earlier
from journeyman.agent.repair.javascript_examples import commented_check
from journeyman.agent.repair.locate import Evidence, is_source, is_test, locate
from journeyman.agent.repair.made import Made, asked_for, made_check
from journeyman.agent.repair.meant import not_meant
from journeyman.agent.repair.node import NodeTrials, code_of, options_of, test_files
from journeyman.agent.repair.probe import Pytest, Record, Trial, find_pytest, run_trials
from journeyman.agent.repair.prompts import values_of
from journeyman.agent.repair.reach import reach_of
from journeyman.agent.repair.reproduce import reproduce
from journeyman.agent.repair.resume import applied, remembered
from journeyman.agent.repair.rewrite import rewrite
from journeyman.agent.repair.search import (
    Pool,
    Search,
    by_model,
    by_mutation,
    failures_of,
    more_patience,
)
from journeyman.agent.repair.source import shape
from journeyman.agent.repair.validate import (
    CheckTrials,
    Goal,
    ProbeTrials,
    Trials,
    confirm,
    encoded,
    goal_of,
    open_layers,
)
from journeyman.agent.repair.workspace import Files, evidence_of
from journeyman.agent.work import Stop, Work
from journeyman.core.errors import ModelError
from journeyman.core.events import Progressed
from journeyman.core.evidence import CheckRun
from journeyman.core.text import counted
from journeyman.sandbox.protocol import Sandbox

SIDE_BY_SIDE = 2
"""Layers in which candidates are tried at the same time."""

TEST_SECONDS = (0.08, 10.0)
"""The least and the most that one test of a candidate may take, in processor time."""

ROUNDS: tuple[tuple[float, int], ...] = ((10.0, 2), (20.0, 4), (15.0, 4), (30.0, 4))
"""Seconds for small edits and then samples of the model, again and again, since nobody knows which will find it."""

PATIENCE = 20.0
"""Seconds for edits that a short limit cut, in each round."""

SECONDS = 240.0
"""After this long no new round begins."""


async def repair(work: Work) -> Stop:
    """Work on the attempt until a change passes the checks or nothing is left to try.

    The edit is in `work.sandbox` afterwards; everything that was tried is in the log, and a run that was killed goes on
    behind what its log holds.
    """
    if (done := await applied(work)) is not None:
        return done
    runs = await reproduce(work)
    files = Files(work.sandbox)
    await files.list()
    failing = [run for run in runs if not run.passed]
    for run in list(failing):
        if await is_broken(run, files):
            await work.log.append(Progressed(text=f"{run.check.command} cannot pass: its tests are no valid Python."))
            failing.remove(run)
    passing = [run for run in runs if run.passed]
    made = await (asked_for(work, files, failing) if failing else made_check(work, files))
    if made is not None:
        return await mend(work, files, [made.run], runs, made)
    if not failing:
        commented = await commented_check(work, files)
        if commented is None:
            return await rewrite(work, files, passing)
        failing = [commented]
    return await mend(work, files, failing, passing)


async def is_broken(run: CheckRun, files: Files) -> bool:
    """Whether a check fails because its own tests do not parse, so that no repair can make it pass."""
    tests = [test.id for test in run.failing]
    if not tests or any("::" in test for test in tests):
        return False
    for path in tests:
        text = await files.get(path) if path in files.paths and is_test(path) else ""
        if path.endswith(".py") and text and shape(text) is None:
            return True
    return False


async def mend(
    work: Work, files: Files, failing: Sequence[CheckRun], others: Sequence[CheckRun], made: Made | None = None
) -> Stop:
    with_tests = [run for run in failing if run.failing] or list(failing[:1])
    goals = [goal_of(run) for run in with_tests]
    goal = goals[0]
    await work.log.append(Progressed(text=_reproduced(goal)))
    async with open_layers(work, SIDE_BY_SIDE) as layers:
        pytest = await (made.laid(layers, files) if made and goal.failing else find_pytest(layers[0], goal.check))
        evidence = await evidence_of(files, work.start.prompt, goal)
        notes: dict[str, str] = {}
        if pytest is not None:
            pytest, evidence, notes = await trace(work, layers[0], pytest, goal, evidence)
            goal, evidence = await narrowed(work, files, goal, evidence)
            if not goal.failing and goal.aside:
                return await rewrite(work, files, [*others, goal.run])
            goals[0] = goal
        else:
            evidence = await covered(layers[0], goal, evidence)
        evidence = hinted(evidence, work.earlier)
        suspects = [suspect for suspect in locate(evidence) if await files.get(suspect.path)]
        if not suspects:
            return Stop("finished", f"{goal.check.command} fails, and no source file could be found to be the cause.")
        await work.log.append(Progressed(text="Looking at " + ", ".join(suspect.path for suspect in suspects)))
        search = Search(
            work=work,
            goal=goal,
            others=others,
            goals=goals,
            suspects=suspects,
            texts=files.texts,
            paths=files.paths,
            reach=reach_of(evidence) if pytest is not None else {},
            failures=failures_of(goal, notes.items()),
            trials=await _trials(work, goal, pytest, layers, suspects[0].path, files),
            seconds=min(max(10 * goal.slowest, TEST_SECONDS[0]), TEST_SECONDS[1]),
        )
        remembered(search)
        await try_earlier(search)
        model_error = await explore(search)
        return await conclude(search, model_error)


def _reproduced(goal: Goal) -> str:
    if not goal.failing:
        return f"Reproduced: {goal.check.command} fails."
    total = len(goal.failing) + len(goal.passing)
    endless = f", {len(goal.endless)} of them without end" if goal.endless else ""
    fail = "test fails" if total == 1 else "tests fail"
    return f"Reproduced: {len(goal.failing)} of {total} {fail}{endless}."


async def _trials(
    work: Work, goal: Goal, pytest: Pytest | None, layers: Sequence[Sandbox], path: str, files: Files
) -> Trials:
    if pytest is not None:
        only_endless = set(goal.failing) <= goal.endless
        return ProbeTrials(pytest, goal, layers, mark(work), pace=TEST_SECONDS[0] if only_endless else 0.03)
    tests, code = test_files(goal), code_of(goal)
    if tests or code:
        options = options_of(await _written(goal.check.command, files))
        trials = NodeTrials(goal, tests, layers, mark(work), options, code)
        if await trials.sees_failure(path, files.texts[path]):
            return trials
    return CheckTrials(work, goal, layers)


async def _written(command: str, files: Files) -> str:
    """The command that a package's test script stands for."""
    if not re.fullmatch(r"(npm|yarn|pnpm)( run)? test", command.strip()):
        return command
    script = re.search(r'"test"\s*:\s*"((?:\\.|[^"\\])*)"', await files.get("package.json"))
    return script[1] if script else command


def mark(work: Work) -> str:
    """What the runner's lines begin with, so that no output is taken for one by accident."""
    return "@" + hashlib.sha256(f"{work.log.id}.{work.start.seed}".encode()).hexdigest()[:16] + " "


async def trace(
    work: Work, layer: Sandbox, pytest: Pytest, goal: Goal, evidence: Evidence
) -> tuple[Pytest | None, Evidence, dict[str, str]]:
    """Run some failing and passing tests with the runner: what they execute, where and how they fail.

    Returns None for `pytest` where the runner does not see what the check saw, so that it cannot stand in for it.
    """
    if not goal.failing:
        return None, evidence, {}
    if goal.unloaded:
        return pytest, evidence, {}
    quick = [test for test in goal.failing if test not in goal.endless]
    slow = [test for test in goal.failing if test in goal.endless]
    asked = (*quick[:20], *slow[: 1 if quick else 2])
    near = {test.split("::")[0] for test in goal.failing}
    calm = [test for test, seconds in goal.passing.items() if test.split("::")[0] in near and seconds < 1.0][:60]
    records: list[Record] = []
    await run_trials(
        layer,
        pytest,
        {0: Trial({}, (*asked, *calm), trace=True)},
        mark=mark(work),
        cpu=max(1.0, 5 * goal.slowest),
        wall=max(5.0, 15 * goal.slowest),
        budget=30.0,
        on_record=records.append,
    )
    if not records:
        return None, evidence, {}
    failed = {test.id: test for test in records[0].tests if test.outcome not in ("passed", "skipped")}
    if not all(test in failed for test in asked):
        return None, evidence, {}
    frames = [frame for test in failed.values() for frame in test.frames[-3:] if is_source(frame[0])]
    found = Evidence(
        evidence.prompt,
        evidence.paths,
        evidence.texts,
        evidence.failing_files,
        [*evidence.frames, *frames],
        records[0].lines,
        frozenset(failed),
    )
    return pytest, found, {test.id: test.message for test in failed.values() if test.message}


async def narrowed(work: Work, files: Files, goal: Goal, evidence: Evidence) -> tuple[Goal, Evidence]:
    """The goal and the evidence without failing tests that the request does not mean, where all were watched."""
    if goal.is_made or not evidence.failing.issuperset(goal.failing):
        return goal, evidence
    aside = not_meant(evidence) & frozenset(goal.failing)
    if not aside:
        return goal, evidence
    run = "runs" if len(aside) == 1 else "run"
    text = f"{counted(len(aside), 'failing test')} {run} nothing that the request names, and may go on failing."
    await work.log.append(Progressed(text=text))
    goal = goal.without(aside)
    told = await evidence_of(files, work.start.prompt, goal)
    return goal, replace(evidence, failing=evidence.failing - aside, frames=told.frames)


async def values(search: Search, trials: ProbeTrials) -> str:
    """What variables of the most suspicious function held in a failing test, in words; empty where nothing is known."""
    suspect, goal = search.suspects[0], search.goal
    name = next(iter(suspect.ordered()), "").rsplit(".", 1)[-1]
    if not name or not goal.failing or goal.unloaded:
        return ""
    records: list[Record] = []
    test = next((one for one in goal.failing if one not in goal.endless), goal.failing[0])
    await run_trials(
        trials.layers[0],
        trials.pytest,
        {trials.taken(): Trial({}, (test,), watch=(suspect.path, name))},
        mark=trials.mark,
        cpu=1.0,
        wall=5.0,
        budget=10.0,
        on_record=records.append,
    )
    last = records[0].last if records else None
    return values_of(search.texts[suspect.path], name, last) if last is not None else ""


async def explore(search: Search) -> str:
    """Look for survivors, cheapest first; what went wrong with the model, if anything.

    So little may be tested that wrong edits pass too. Then all small edits that pass are looked for, and the model
    says which of them it would write itself.
    """
    pool = Pool(search.suspects, search.texts)
    total = len(pool)
    trouble = ""
    began = time.monotonic()
    for number, (seconds, samples) in enumerate(ROUNDS):
        # What the documentation says may be out of date: it is not looked for much longer.
        late = time.monotonic() - began > SECONDS or (number > 1 and search.put_aside)
        if await search.settled() or late:
            break
        if pool:
            await search.say(f"Trying small edits, {len(pool)} {'in all' if len(pool) == total else 'are left'}.")
            await by_mutation(search, pool, seconds)
            if not search.survivors:
                await more_patience(search, PATIENCE)
        if not search.survivors and not trouble:
            trouble = await ask(search, samples)
        await decide(search)
    await decide(search, last=True)
    return trouble


async def ask(search: Search, samples: int) -> str:
    """Ask the model; what went wrong, if anything."""
    await search.say("Asking the model.")
    if not search.values and isinstance(search.trials, ProbeTrials):
        search.values = await values(search, search.trials)
    try:
        await by_model(search, samples, SECONDS / 2)
    except ModelError as error:
        await search.say(f"The model gave no answer: {error}")
        return str(error)
    return ""


async def conclude(search: Search, model_error: str) -> Stop:
    """Put the best candidate into the workspace and say what it does; nothing when none helps."""
    work, goal = search.work, search.goal
    candidate = search.confirmed or await search.winner()
    if candidate is not None:
        await work.sandbox.write(candidate.path, encoded(candidate.text))
        return Stop("finished", _success(search, candidate), search.doubt)
    tried = f"{search.count} edits were tried"
    after = f" The model could not be asked: {model_error}" if model_error else ""
    partial = await _best_partial(search)
    if partial is not None:
        candidate, fixed = partial
        await work.sandbox.write(candidate.path, encoded(candidate.text))
        left = len(goal.failing) - fixed
        return Stop(
            "finished",
            f"Not fully repaired: {tried}; the best one, in {candidate.path}, fixes {fixed} tests, breaks none, and "
            f"leaves {left} failing.{after}",
        )
    reason = "model" if model_error else "finished"
    return Stop(
        reason, f"No repair was found: {tried}, and none makes {goal.check.command} pass. Nothing was changed.{after}"
    )


def _success(search: Search, candidate: Candidate) -> str:
    lines = [row for row in candidate.diff.splitlines() if row[:1] in "+-" and row[:3] not in ("+++", "---")]
    shown = " → ".join(row[1:].strip() for row in lines) if len(lines) == 2 else counted(len(lines), "changed line")
    fixed = len(search.goal.failing)
    made = search.goal.is_made
    tests = "the failing test passes" if fixed == 1 else f"the {fixed} failing tests pass"
    what = tests if fixed and not made else f"{search.goal.check.command} passes"
    left = len(search.goal.aside)
    aside = f", with {counted(left, 'test')} still failing that the request does not mean" if left else ""
    return (
        f"Repaired {candidate.path} ({shown}): {what}{aside}. Found by {candidate.source} after {search.count} tries."
    )


async def _best_partial(search: Search) -> tuple[Candidate, int] | None:
    """The edit that fixes most tests and breaks none, by the check itself."""
    ranked = sorted(search.partial, key=lambda pair: (-pair[1].fixed, pair[0].size))
    for candidate, _ in ranked[:3]:
        verdict = await confirm(search.work, candidate, search.goals, search.others)
        if verdict.fixed and not verdict.broken:
            return candidate, verdict.fixed
    return None
