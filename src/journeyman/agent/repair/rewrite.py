"""A request with nothing to reproduce: the model's change as it is, kept when it breaks nothing, called unverified."""

import time
from collections.abc import Sequence

from journeyman.agent.repair.candidates import Candidate
from journeyman.agent.repair.language import form
from journeyman.agent.repair.locate import locate
from journeyman.agent.repair.minimal import without_layout
from journeyman.agent.repair.prompts import Subject, code_of, request, splice, subjects_of
from journeyman.agent.repair.search import anew, documented, event_of
from journeyman.agent.repair.validate import confirm, encoded
from journeyman.agent.repair.workspace import Files, evidence_of
from journeyman.agent.work import Stop, Work
from journeyman.core.errors import ModelError
from journeyman.core.events import Progressed, Replied
from journeyman.core.evidence import CheckRun

UNPROVED = "No check failed before the change, so that they pass does not show that it does what was asked for."
TEMPERATURES = (0.0, 0.0, 0.4, 0.7)


async def rewrite(work: Work, files: Files, runs: Sequence[CheckRun]) -> Stop:
    """Ask for the file that the request is about with the change in it."""
    evidence = await evidence_of(files, work.start.prompt, None)
    suspects = locate(evidence, limit=1)
    if not suspects:
        return Stop(
            "finished", "Nothing fails, and the request names no file that could be found. Nothing was changed."
        )
    suspect = suspects[0]
    text = files.texts[suspect.path]
    subject = next(iter(subjects_of(suspect.path, text, list(suspect.functions))), None)
    if subject is None:
        return Stop("finished", f"Nothing fails, and {suspect.path} is too long for this model. Nothing was changed.")
    failing = any(not run.passed for run in runs)
    before = "No check that fails has to do with it." if failing else "No check fails."
    await work.log.append(Progressed(text=f"{before} Asking the model to change {suspect.path}."))
    try:
        candidates = await _proposed(work, subject, documented([suspect], files.texts))
    except ModelError as error:
        return Stop("model", f"The model gave no answer: {error}")
    for candidate in candidates:
        verdict = await confirm(work, candidate, (), runs)
        await work.log.append(event_of(candidate, verdict, final=True))
        if verdict.outcome == "passed":
            await work.sandbox.write(candidate.path, encoded(candidate.text))
            shown = "nothing that failed before has to do with it" if failing else "nothing failed before"
            kept = "no check is worse" if failing else "the checks still pass" if runs else "there is no check to run"
            said = f"Changed {suspect.path} as the model proposed. Unverified: {shown}; {kept}."
            return Stop("finished", said, UNPROVED)
    return Stop("finished", f"The model proposed no usable change of {suspect.path}. Nothing was changed.")


async def _proposed(work: Work, subject: Subject, fresh: Sequence[Subject]) -> list[Candidate]:
    """What the model proposes, that first on which two of its answers agree.

    It mends the code, and writes anew what is documented; nothing else tells which of its answers is right.
    """
    found: dict[str, Candidate] = {}
    for number, temperature in enumerate(TEMPERATURES):
        part, begun = subject, ""
        if fresh and number % 2 == 0 and work.model.profile.completes:
            part = fresh[0]
            begun, asked = anew(work, part, number)
        else:
            asked = request(
                part,
                work.start.prompt,
                "",
                temperature=temperature,
                seed=work.start.seed + number,
                cache_key=work.start.task_id,
            )
        began = time.monotonic()
        reply = await work.model.reply(asked)
        await work.log.append(Replied(reply=reply, seconds=round(time.monotonic() - began, 3)))
        code = code_of(begun + reply.text.removeprefix(begun))
        text = splice(part, code) if code else None
        program = form(part.path, text) if text else None
        if text is None or program is None or program == form(part.path, part.text):
            continue
        source = f"model: sample {number + 1}, temperature {asked.temperature or 0:g}"
        if program in found:
            return [found.pop(program), *found.values()]
        found[program] = without_layout(Candidate(part.path, part.text, text, source))
        if not fresh:
            break
    return list(found.values())
