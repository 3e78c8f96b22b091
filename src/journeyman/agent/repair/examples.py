"""A check out of the examples in docstrings, for requests that come without a failing test."""

import shlex

from journeyman.agent.repair.locate import is_source, locate
from journeyman.agent.repair.workspace import Files, evidence_of
from journeyman.agent.work import Work
from journeyman.core.events import Progressed
from journeyman.core.evidence import Check

SECONDS = 10.0
"""How long the examples of one file may take."""


async def example_check(work: Work, files: Files) -> Check | None:
    """`python -m doctest` of the first suspicious file whose examples fail; None when there is none."""
    evidence = await evidence_of(files, work.start.prompt, None)
    for suspect in locate(evidence):
        path = suspect.path
        if not path.endswith(".py") or not is_source(path) or ">>> " not in files.texts.get(path, ""):
            continue
        command = f"python -m doctest {shlex.quote(path)}"
        async with work.layer() as layer:
            done = await layer.exec(["sh", "-c", command], timeout=SECONDS)
        if done.cut == "time" or b"***Test Failed***" in done.output:
            await work.log.append(Progressed(text=f"No check fails; the examples in {path} do, so they are the check."))
            return Check(command=command, source="docstring", timeout=SECONDS)
    return None
