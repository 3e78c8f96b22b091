"""The code that a small model is shown before it changes any, since it cannot find its way by itself: what the request
and the failing tests point to, in the form in which it is to write its change."""

from collections.abc import Sequence

from journeyman.agent.repair.locate import locate
from journeyman.agent.repair.prompts import Subject, subjects_of
from journeyman.agent.repair.validate import goal_of
from journeyman.agent.repair.workspace import Files, evidence_of
from journeyman.core.evidence import CheckRun
from journeyman.core.text import plain
from journeyman.sandbox.protocol import Sandbox

BUDGET = 8_000
"""Characters of code; reading is what a small model on two cores is slow at."""
FILES = 40
"""Paths that are listed; of more, only what is shown is named."""


async def given(sandbox: Sandbox, prompt: str, failing: Sequence[CheckRun]) -> str:
    """Files and functions as blocks of code under their paths, the likeliest first, and what other files there are.

    `failing` are the checks that do not pass on what the sandbox holds. Empty where nothing can be said.
    """
    files = Files(sandbox)
    await files.list()
    goal = next((goal_of(run) for run in failing if run.failing), None)
    suspects = locate(await evidence_of(files, prompt, goal))
    parts: list[str] = []
    size = 0
    for suspect in suspects:
        for subject in subjects_of(suspect.path, await files.get(suspect.path), list(suspect.functions)):
            part = _shown(subject)
            if parts and size + len(part) > BUDGET:
                continue
            parts.append(part)
            size += len(part)
    if len(files.paths) <= FILES and files.paths:
        parts.insert(0, "The files: " + ", ".join(plain(path) for path in files.paths))
    return "\n\n".join(parts)


def _shown(subject: Subject) -> str:
    code = plain(subject.code).strip("\n")
    return f"{subject.path}\n```{subject.language}\n{code}\n```"
