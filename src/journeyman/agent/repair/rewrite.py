"""A request with nothing to reproduce: the model's change as it is, kept when it breaks nothing, called unverified."""

import time
from collections.abc import Sequence

from journeyman.agent.repair.candidates import Candidate
from journeyman.agent.repair.locate import locate
from journeyman.agent.repair.prompts import code_of, request, splice, subjects_of
from journeyman.agent.repair.search import event_of
from journeyman.agent.repair.source import shape
from journeyman.agent.repair.validate import confirm, encoded
from journeyman.agent.repair.workspace import Files, evidence_of
from journeyman.agent.work import Stop, Work
from journeyman.core.errors import ModelError
from journeyman.core.events import Progressed, Replied
from journeyman.core.evidence import CheckRun

TEMPERATURES = (0.0, 0.4, 0.7)


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
    await work.log.append(Progressed(text=f"No check fails. Asking the model to change {suspect.path}."))
    for number, temperature in enumerate(TEMPERATURES):
        asked = request(
            subject,
            work.start.prompt,
            "",
            temperature=temperature,
            seed=work.start.seed + number,
            cache_key=work.start.task_id,
        )
        began = time.monotonic()
        try:
            reply = await work.model.reply(asked)
        except ModelError as error:
            return Stop("model", f"The model gave no answer: {error}")
        await work.log.append(Replied(reply=reply, seconds=round(time.monotonic() - began, 3)))
        code = code_of(reply.text)
        changed = splice(subject, code) if code else None
        if changed is None or changed == text or (suspect.path.endswith(".py") and shape(changed) is None):
            continue
        candidate = Candidate(suspect.path, text, changed, f"model: sample {number + 1}, temperature {temperature:g}")
        verdict = await confirm(work, candidate, (), runs)
        await work.log.append(event_of(candidate, verdict, final=True))
        if verdict.outcome == "passed":
            await work.sandbox.write(candidate.path, encoded(candidate.text))
            kept = "the checks still pass" if runs else "there is no check to run"
            return Stop(
                "finished",
                f"Changed {suspect.path} as the model proposed. Unverified: nothing failed before; {kept}.",
            )
    return Stop("finished", f"The model proposed no usable change of {suspect.path}. Nothing was changed.")
