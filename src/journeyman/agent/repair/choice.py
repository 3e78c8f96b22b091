"""Which of several edits that pass? The model says which it would have written itself.

Small models judge badly and write well: they are not asked which of the edits is right, but to go on with the function
from the line on at which the edits part, held by a grammar to what the edits say there.
"""

import difflib
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from journeyman.agent.repair import javascript
from journeyman.agent.repair.candidates import Candidate
from journeyman.agent.repair.language import form, rows_around
from journeyman.agent.repair.prompts import Subject, around, purpose_of
from journeyman.agent.work import Work
from journeyman.core.events import Replied
from journeyman.core.items import AssistantMessage, UserMessage
from journeyman.core.model import ModelRequest
from journeyman.core.text import clip

INSTRUCTIONS = "You are an expert programmer. You write code that does exactly what its documentation says."

_DOCUMENTED = re.compile(r"\"\"\"|'''|//|/\*|^\s*#", re.MULTILINE)

_ESCAPES = {
    **{number: f"\\x{number:02x}" for number in (*range(32), 127)},
    **{ord(letter): escape for letter, escape in (("\n", "\\n"), ("\t", "\\t"), ('"', '\\"'), ("\\", "\\\\"))},
}
"""GBNF knows fewer short forms than JSON: a form feed in one would make the grammar invalid."""

ALIKE = 0.75
"""From 0 to 1: how like an edit must be to what the model wrote."""

LONGEST_OPTION, LONGEST_HEAD = 1_500, 6_000
"""Characters of what an edit says where it parts from the others, and of what stands before that in the function."""


@dataclass(frozen=True, slots=True)
class Fork:
    """Edits of one function: the text of the function up to where they part, and what each says there.

    `before` and `after` are what they have in common of the file.
    """

    subject: Subject
    head: str
    options: tuple[str, ...]
    before: str
    after: str


def fork_of(candidates: Sequence[Candidate]) -> Fork | None:
    """Where candidates part; None when that is not within one function of one file, or too long to be shown."""
    path, before = candidates[0].path, candidates[0].before
    if any(candidate.path != path for candidate in candidates):
        return None
    rows = [candidate.text.split("\n") for candidate in candidates]
    shortest = min(map(len, rows))
    start = next((at for at in range(shortest) if len({row[at] for row in rows}) > 1), shortest)
    most = shortest - start
    end = next((back for back in range(most) if len({row[-1 - back] for row in rows}) > 1), most)
    # Where the original parts from them first, it is shown from there: what is before is common to all.
    text = "\n".join(rows[0])
    offset = sum(len(row) + 1 for row in rows[0][:start])
    subject = around(path, before, min(offset, first_change(before, text)))
    if subject is None or offset < subject.start:
        return None
    head = text[subject.start : offset]
    options = tuple("\n".join(row[start : len(row) - end]) + "\n" for row in rows)
    if len(head) > LONGEST_HEAD or max(map(len, options)) > LONGEST_OPTION or len(set(options)) < 2:
        return None
    after = "\n".join(rows[0][len(rows[0]) - end :])
    if before.endswith(after) and len(before) - len(after) > subject.end + 1:
        return None
    return Fork(subject, head, options, text[:offset], after)


def first_change(before: str, text: str) -> int:
    """The offset of the first character in which two texts differ."""
    return next((at for at, (one, two) in enumerate(zip(before, text, strict=False)) if one != two), len(before) - 1)


def opening(subject: Subject, head: str, prompt: str) -> tuple[UserMessage, AssistantMessage]:
    """The question, and the beginning of the answer to go on with.

    The code stands in the answer alone: whatever is asked of a function begins alike, and is read once.
    """
    purpose = purpose_of(subject)
    about = f"\nWhat it should do:\n{clip(purpose, 2000)}" if purpose else ""
    if not purpose and not _DOCUMENTED.search(head):
        about = f"\nThe task was: {clip(prompt.strip(), 600)}"
    question = f"Complete `{subject.path}`, so that it does what its documentation says.{about}"
    return UserMessage(text=question), AssistantMessage(text=f"```{subject.language}\n{head}")


def grammar_of(options: Sequence[str]) -> str:
    """A GBNF grammar of exactly these texts."""
    return "root ::= " + " | ".join(f'"{option.translate(_ESCAPES)}"' for option in dict.fromkeys(options))


async def written(work: Work, candidates: Sequence[Candidate]) -> Candidate | None:
    """What the model itself writes where the candidates part, in as many lines, whatever they say there."""
    fork = fork_of(candidates) if len(candidates) > 1 and work.model.profile.completes else None
    if fork is None:
        return None
    lines = Counter(option.count("\n") for option in fork.options).most_common(1)[0][0]
    said = await _go_on(work, fork, f'root ::= line{{{lines}}}\nline ::= [^\\n]* "\\n"')
    text = fork.before + said + fork.after
    return replace(candidates[0], text=text, source="model: goes on with the function", weight=0.5) if said else None


def can_finish(work: Work, candidate: Candidate) -> bool:
    """Whether the model can be asked to finish a function."""
    return work.model.profile.completes and candidate.path.endswith((".py", *javascript.ENDINGS))


async def finished(work: Work, candidate: Candidate) -> list[Candidate]:
    """What the model writes from the first line on that a candidate changes: in place of the lines that the candidate
    changes alone, and to the function's end. Empty where it writes nothing of use.

    It does not know what follows in the function, so that the end may be wrong where the beginning is right.
    """
    path, before = candidate.path, candidate.before
    offset = first_change(before, candidate.text)
    subject = around(path, before, offset)
    start = before.rfind("\n", 0, offset) + 1
    if subject is None or not can_finish(work, candidate) or len(subject.code) > LONGEST_HEAD:
        return []
    line = before.count("\n", 0, start) + 1
    old = rows_around(path, before, line)
    if old is None or line == old.start:
        return []
    question, answer = opening(subject, before[subject.start : start], work.start.prompt)
    ends = ("\ndef ", "\nclass ", "\nif __name__") if path.endswith(".py") else ("\nmodule.", "\nexport ")
    rows = before.split("\n")
    most = min(60 + len("\n".join(rows[line - 1 : old.stop - 1])) // 2, LONGEST_OPTION // 2)
    said = await _continued(work, question, answer.text, None, stop=("\n```", *ends), most=most)
    if not said.strip():
        return []
    changed, written = _changed_rows(rows, candidate.text.split("\n"), line)
    # A line that goes on in the next ones (`value = f(x)`, for `return f(x)`) is none in place of the edit.
    leaves = {
        text.split("\n")[line - 1].lstrip().startswith("return") for text in (candidate.text, before[:start] + said)
    }
    whole = written and len(leaves) == 1
    own = [[*rows[: line - 1], *said.split("\n")[:written], *rows[line - 1 + changed :]]] if whole else []
    new = rows_around(path, before[:start] + said, line)
    if new is not None:
        own.append([*(before[:start] + said).split("\n")[: new.stop - 1], *rows[old.stop - 1 :]])
    found = [replace(candidate, text="\n".join(one), source="model: finishes the function", weight=0.5) for one in own]
    return [one for one in found if one.text != before]


def _changed_rows(before: Sequence[str], after: Sequence[str], line: int) -> tuple[int, int]:
    """How many rows from `line` on one text has in place of how many of the other: first of the one before."""
    most = min(len(before), len(after)) - (line - 1)
    tail = next((back for back in range(most) if before[-1 - back] != after[-1 - back]), most)
    return len(before) - tail - (line - 1), len(after) - tail - (line - 1)


def alike(own: Candidate) -> float:
    """From 0 to 1: how much of the program is what it was, layout and comments apart."""
    before, after = (re.findall(r"\w+|[^\w\s]", form(own.path, text) or text) for text in (own.before, own.text))
    return difflib.SequenceMatcher(None, before, after, autojunk=False).ratio()


def nearest(own: Candidate, candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate that is most like what the model wrote, which does not pass itself; None when none is like it."""
    fork = fork_of([own, *candidates])
    if fork is None:
        return None
    wanted, *options = fork.options
    like = [difflib.SequenceMatcher(None, wanted, option, autojunk=False).ratio() for option in options]
    best = max(range(len(options)), key=lambda at: like[at])
    return candidates[best] if like[best] >= ALIKE else None


async def choose(work: Work, candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate whose lines the model likes best; None when it cannot be asked so, or says something else."""
    fork = fork_of(candidates) if len(candidates) > 1 else None
    if fork is None:
        return None
    if not work.model.profile.completes:
        return await _by_number(work, candidates, fork)
    said = await _go_on(work, fork, grammar_of(fork.options))
    return next((one for one, option in zip(candidates, fork.options, strict=True) if option == said), None)


async def _go_on(work: Work, fork: Fork, grammar: str) -> str:
    """What the model writes after the fork's head."""
    question, answer = opening(fork.subject, fork.head, work.start.prompt)
    return await _continued(work, question, answer.text, grammar)


async def _continued(
    work: Work,
    question: UserMessage,
    begun: str,
    grammar: str | None,
    *,
    stop: tuple[str, ...] = (),
    most: int = LONGEST_OPTION // 2,
) -> str:
    asked = ModelRequest(
        instructions=INSTRUCTIONS,
        items=(question, AssistantMessage(text=begun)),
        temperature=0.0,
        seed=work.start.seed,
        grammar=grammar,
        stop=stop,
        max_output_tokens=most,
        cache_key=work.start.task_id,
    )
    began = time.monotonic()
    reply = await work.model.reply(asked)
    await work.log.append(Replied(reply=reply, seconds=round(time.monotonic() - began, 3)))
    return reply.text.removeprefix(begun)


async def endorsed(work: Work, candidate: Candidate) -> bool:
    """Whether a model that can judge holds the one edit that passes to be right."""
    subject = around(candidate.path, candidate.before, first_change(candidate.before, candidate.text))
    shown = clip(subject.code, LONGEST_HEAD) if subject is not None else ""
    text = (
        f"The task was: {clip(work.start.prompt.strip(), 2000)}\n\n```\n{shown}\n```\n\nOf many small edits of this "
        f"code only one passes the tests:\n```diff\n{clip(candidate.diff, 4000)}\n```\n\nFew tests run what it "
        "changes, so it may pass by chance. Is it how the mistake should be corrected? Answer yes or no only."
    )
    said = re.findall(r"\b(?:yes|no)\b", (await _answer(work, text)).lower())
    return bool(said) and said[-1] == "yes"


async def _by_number(work: Work, candidates: Sequence[Candidate], fork: Fork) -> Candidate | None:
    """The same of a model that cannot be held to a grammar: it names a number."""
    shown = "\n".join(f"{number}:\n```\n{option}```" for number, option in enumerate(fork.options, 1))
    question, _ = opening(fork.subject, fork.head, work.start.prompt)
    text = (
        f"{question.text}\n\n```{fork.subject.language}\n{fork.head}```\n\nIt goes on in one of these ways, which all "
        f"pass the tests:\n{shown}\n\nWhich is right? Answer with its number only."
    )
    named = re.findall(r"\d+", await _answer(work, text))
    number = int(named[-1]) if named else 0
    return candidates[number - 1] if 0 < number <= len(candidates) else None


async def _answer(work: Work, text: str) -> str:
    asked = ModelRequest(
        instructions=INSTRUCTIONS, items=(UserMessage(text=text),), max_output_tokens=1000, cache_key=work.start.task_id
    )
    began = time.monotonic()
    reply = await work.model.reply(asked)
    await work.log.append(Replied(reply=reply, seconds=round(time.monotonic() - began, 3)))
    return reply.text
