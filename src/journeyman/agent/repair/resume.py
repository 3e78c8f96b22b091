"""What the log of a killed run still says: what was tried, what passed, and whether it was applied."""

import re

from journeyman.agent.repair.candidates import Candidate, Verdict, unified
from journeyman.agent.repair.reach import FEW, barely_tested
from journeyman.agent.repair.search import Hasty, Search
from journeyman.agent.repair.validate import decoded, encoded
from journeyman.agent.work import Stop, Work
from journeyman.core import folds
from journeyman.core.errors import ToolError
from journeyman.core.events import PROVISIONAL, CandidateTried

HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_NO_END = "\\ No newline at end of file\n"


def patched(before: str, diff: str) -> str | None:
    """`before` with a diff of ours (one file, any context); None when it does not fit."""
    rows = before.splitlines(keepends=True)
    out: list[str] = []
    at = 0
    body = diff.splitlines(keepends=True)
    for number, row in enumerate(body[2:], start=2):
        hunk = HUNK.match(row)
        if hunk:
            count = int(hunk[2]) if hunk[2] is not None else 1
            start = int(hunk[1]) - (1 if count else 0)
            if start < at or start > len(rows):
                return None
            out += rows[at:start]
            at = start
            continue
        bare = number + 1 < len(body) and body[number + 1] == _NO_END
        line = row[1:-1] if bare else row[1:]
        if row[:1] in "- ":
            if at >= len(rows) or rows[at] != line:
                return None
            at += 1
        if row[:1] in "+ ":
            out.append(line)
    return "".join([*out, *rows[at:]])


def path_of(diff: str) -> str:
    first = diff.split("\n", 1)[0]
    return first[6:].strip() if first.startswith("--- a/") else ""


async def applied(work: Work) -> Stop | None:
    """The end of a run that had found its repair before it was killed; the edit is put in place if it is not."""
    winners = [e for e in folds.current(work.log.events) if isinstance(e, CandidateTried) and e.outcome == "passed"]
    if not winners:
        return None
    winner = winners[-1]
    path = path_of(winner.diff)
    try:
        text = decoded(await work.sandbox.read(path))
    except (ToolError, OSError):
        return None
    if text is None:
        return None
    after = patched(text, winner.diff)
    if after is not None:
        await work.sandbox.write(path, encoded(after))
    elif not _is_applied(text, winner.diff):
        return None
    return Stop("finished", f"Repaired {path}; found by {winner.source} before an interruption.")


def _is_applied(text: str, diff: str) -> bool:
    """Whether `text` is the outcome of the diff: turned round it fits, and leads back."""
    rows = diff.splitlines(keepends=True)
    turned: list[str] = rows[:2]
    for row in rows[2:]:
        hunk = HUNK.match(row)
        if hunk:
            old, new = (f"{a},{b}" if b is not None else a for a, b in ((hunk[1], hunk[2]), (hunk[3], hunk[4])))
            turned.append(f"@@ -{new} +{old} @@\n")
        else:
            turned.append({"+": "-", "-": "+"}.get(row[:1], row[:1]) + row[1:])
    removed_first = _sorted_hunks(turned)
    before = patched(text, "".join(removed_first))
    return before is not None and unified(path_of(diff), before, text, context=0) == diff


def _sorted_hunks(rows: list[str]) -> list[str]:
    """Within each hunk of a diff without context, the removed lines before the added ones."""
    out = rows[:2]
    block: list[str] = []

    def flush() -> None:
        groups: list[list[str]] = []
        for row in block:
            if row == _NO_END and groups:
                groups[-1].append(row)
            else:
                groups.append([row])
        groups.sort(key=lambda group: group[0][:1] == "+")
        out.extend(row for group in groups for row in group)
        block.clear()

    for row in rows[2:]:
        if HUNK.match(row):
            flush()
            out.append(row)
        else:
            block.append(row)
    flush()
    return out


def remembered(search: Search) -> None:
    """Put into the search what its log knows: edits that need no second trial, and those that looked good."""
    for event in search.work.log.events:
        if not isinstance(event, CandidateTried):
            continue
        search.tried.diffs.add(event.diff)
        search.count += 1
        path = path_of(event.diff)
        before = search.texts.get(path)
        text = patched(before, event.diff) if before else None
        if not before or not text:
            continue
        candidate = Candidate(path, before, text, event.source)
        # in an earlier stage, where that was not enough
        few = search.goal.is_weak or (len(search.goal.failing) <= FEW and barely_tested(search.reach, candidate))
        doubted = event.outcome == "passed" and few
        if doubted or (event.outcome == "better" and event.note == PROVISIONAL):
            search.survivors.append(candidate)
        elif event.outcome == "better":
            search.partial.append((candidate, Verdict("better", 1)))
        elif event.outcome == "endless":
            search.hasty.append(Hasty(candidate, 0, search.seconds))
