"""What is wrong with an answer, told to the model once; and the diagram that takes the place of a bad one."""

import re
from collections.abc import Collection, Mapping, Sequence

from journeyman.agent import diagram
from journeyman.checks import mermaid
from journeyman.checks.citations import cite_file
from journeyman.core.evidence import Citation
from journeyman.repo.index.index import Index, Place

MOST = 8
MADE = "(This diagram was made by the harness from the code: which files or folders import or call each other.)"

_OF_CODE = re.compile(r"`[^`\n]+`|\b\w+\.[a-z]{1,4}\b|\w/\w")
_PLACE = re.compile(r"(?<![\w/.-])([\w][\w./-]{0,200}):(\d{1,7})(?:-(\d{1,7}))?")
_PATH = re.compile(r"(?<![\w/.-])(?:[\w.-]+/)*[\w-]+\.\w{1,5}(?![\w/])")
_SPAN = re.compile(rf"`[^`\n]+`|{_PLACE.pattern}")
_BEGIN = (
    "Answer the question again, whole and in plain words, without a word about this message. In your answer this was "
    "wrong:"
)
NO_PLACE = "It names no place. Behind each fact write where it stands, as 【F:path†L12】."
NO_DIAGRAM = "A diagram was asked for: draw it as a ```mermaid block that begins with `flowchart LR`."


def faults(
    answer: str, question: str, citations: Sequence[Citation], meant: Mapping[str, str] | None = None
) -> list[str]:
    """What an answer has to be mended in, in words for the model; `meant` are files by what was written for them."""
    bad = [one for one in citations if not one.supported][:MOST]
    hints = {one: f" Is it {(meant or {})[one.target]}?" if one.target in (meant or {}) else "" for one in bad}
    found = [f"{one.text}: {one.reason}{hints[one]}" for one in bad]
    if not citations and _OF_CODE.search(mermaid.without(answer)):
        found.append(NO_PLACE)
    blocks = mermaid.blocks(answer)
    found += [f"The mermaid block cannot be drawn. {why}" for block in blocks if (why := mermaid.problem(block[1]))]
    if mermaid.unclosed(answer):
        found.append("The mermaid block is not closed with ```.")
    elif not blocks and diagram.asked(question):
        found.append(NO_DIAGRAM)
    return found


def with_places(answer: str, files: Collection[str]) -> str:
    """The answer with a citation behind each `path:line` of a file, where it has no citation at all."""
    if "【" in answer:
        return answer

    def cited(found: re.Match[str]) -> str:
        named = [_cite(one) for one in _PLACE.finditer(found[0]) if one[1] in files]
        return f"{found[0]}{''.join(named)}"

    return _SPAN.sub(cited, answer)


def named_files(answer: str, files: Collection[str]) -> list[str]:
    """The files whose paths stand in an answer, in their order."""
    return [path for path in dict.fromkeys(_PATH.findall(answer)) if path in files]


def with_functions(answer: str, functions: Mapping[str, tuple[str, range]]) -> str:
    """The answer with a citation behind the first mention of each function, where it has no citation at all.

    `functions` has the file and the lines of each by its name. A name that may be a plain word counts where it is
    written as code, or is called a function.
    """
    if "【" in answer:
        return answer
    text, fence, rest = answer.partition("```")
    for name, (path, lines) in functions.items():
        word = re.escape(name)
        forms = [rf"`{word}(?:\(\))?`", rf"\b{word}\(\)", rf"\b{word}(?=`? (?:function|method)\b)"]
        forms += [rf"(?<=function ){word}\b", rf"(?<=method ){word}\b"]
        forms += [rf"\b{word}\b"] if "_" in name or not name.islower() else []
        found = re.search("|".join(forms), text)
        if found is not None and text.count("【") < MOST:
            text = f"{text[: found.end()]}{cite_file(path, lines.start, lines.stop - 1)}{text[found.end() :]}"
    return f"{text}{fence}{rest}"


def _cite(place: re.Match[str]) -> str:
    return cite_file(place[1], int(place[2]), int(place[3]) if place[3] else None)


def note(found: Sequence[str]) -> str:
    """What the model is told of its faults; empty without any."""
    return "\n".join([_BEGIN, *(f"- {one}" for one in found)]) if found else ""


def needs_diagram(answer: str, question: str) -> bool:
    """Whether a diagram that was asked for is missing or cannot be drawn. One that nobody asked for stays as text."""
    blocks = mermaid.blocks(answer)
    bad = mermaid.unclosed(answer) or any(mermaid.problem(block[1]) for block in blocks)
    return diagram.asked(question) and (bad or not blocks)


async def with_diagram(answer: str, question: str, index: Index, places: Sequence[Place]) -> str:
    """The answer with a diagram of the harness's own in place of one that is missing or cannot be drawn."""
    source = await diagram.drawn(index, places, question)
    if not source:
        return answer
    made = f"{MADE}\n\n```mermaid\n{source}\n```"
    text = answer
    for block in reversed(mermaid.blocks(answer)):
        if mermaid.problem(block[1]):
            text = f"{text[: block.start()]}{made}{text[block.end() :]}"
            made = ""
    if mermaid.unclosed(text):
        text = text[: [found.start() for found in re.finditer(r"^[ \t]*```+[ \t]*mermaid", text, re.M | re.I)][-1]]
    return f"{text.rstrip()}\n\n{made}".strip() if made else text.strip()
