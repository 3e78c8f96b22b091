"""Candidates: whole new texts of one file, where each comes from, and the order among those that pass."""

import difflib
import hashlib
from dataclasses import dataclass, field
from typing import Literal

from journeyman.agent.repair.language import change

CandidateOutcome = Literal["passed", "better", "no_better", "invalid", "endless"]


ANEW = "model: written anew"


@dataclass(frozen=True, slots=True)
class Candidate:
    """`text` in place of `before`, the text of the file `path`. `weight` is the prior likelihood of its kind."""

    path: str
    before: str
    text: str
    source: str
    weight: float = 0.0

    @property
    def diff(self) -> str:
        """A unified diff without context: enough to recognise the edit and to read it."""
        return unified(self.path, self.before, self.text, context=0)

    @property
    def size(self) -> tuple[int, int]:
        """Changed lines, then changed characters."""
        one, two = self.before.splitlines(), self.text.splitlines()
        lines = sum(1 for line in difflib.ndiff(one, two) if line[:1] in "+-") if len(one) < 2000 else len(two)
        return lines, changed_characters(self.before, self.text)

    @property
    def by_model(self) -> bool:
        return self.source.startswith("model")

    @property
    def is_anew(self) -> bool:
        """Whether a model wrote it from the documentation, without a look at the code."""
        return self.source.startswith(ANEW)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tests said of a candidate. `fixed` counts tests that failed before; `seconds` is what the trial took."""

    outcome: CandidateOutcome
    fixed: int = 0
    broken: int = 0
    note: str = ""
    seconds: float = 0.0
    hasty: bool = False
    """Cut by a limit that was perhaps too short."""


@dataclass(slots=True)
class Tried:
    """What was tried already, by diff and by program."""

    diffs: set[str] = field(default_factory=set[str])
    programs: set[bytes] = field(default_factory=set[bytes])

    def is_new(self, candidate: Candidate) -> bool:
        """Whether a candidate is a change that was not seen before; from now on it was."""
        key = _key(candidate)
        if key is None or key in self.programs or candidate.diff in self.diffs:
            return False
        self.programs.add(key)
        self.diffs.add(candidate.diff)
        return True

    def forget(self, candidate: Candidate) -> None:
        """Take back that a candidate was seen: it was not tried after all."""
        self.diffs.discard(candidate.diff)
        self.programs.discard(_key(candidate) or b"")


def _key(candidate: Candidate) -> bytes | None:
    """The same for all candidates that are the same program; None for what changes nothing, or does not parse."""
    found = change(candidate.path, candidate.before, candidate.text) if candidate.text != candidate.before else None
    return None if found is None else hashlib.sha256(f"{candidate.path} {found}".encode("utf-8", "replace")).digest()


def unified(path: str, before: str, after: str, context: int = 3) -> str:
    rows = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{path}", f"b/{path}", n=context
    )
    return "".join(row if row.endswith("\n") else row + "\n\\ No newline at end of file\n" for row in rows)


def changed_characters(before: str, after: str) -> int:
    """Characters between the common start and the common end of two texts, in both."""
    start = 0
    stop = min(len(before), len(after))
    while start < stop and before[start] == after[start]:
        start += 1
    end = 0
    while end < stop - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return len(before) + len(after) - 2 * (start + end)
