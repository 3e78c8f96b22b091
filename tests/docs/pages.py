"""The pages of the documentation as tests read them: code blocks, tables, links, command lines."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", ROOT / "README.zh.md", *sorted(DOCS.rglob("*.md")))
PROGRAM = ("journeyman", "jm", ".venv/bin/journeyman")
AHEAD = ("if", "then", "else", "while", "do", "!", "$", "time")
"""Words of the shell that a command may stand behind."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `line` is that of its fence, `before` the last line of text ahead of it."""

    page: Path
    line: int
    language: str
    text: str
    before: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path, *languages: str) -> list[Block]:
    """The fenced blocks of a page, in their order; all of them without `languages`."""
    found: list[Block] = []
    begun: tuple[int, str] | None = None
    body: list[str] = []
    before = ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if not line.startswith("```"):
            if begun is not None:
                body.append(line)
            elif line.strip():
                before = line
        elif begun is None:
            begun, body = (number, line[3:].strip()), []
        else:
            found.append(Block(page, *begun, "\n".join(body) + "\n", before))
            begun = None
    assert begun is None, f"{page}: the block at line {begun} has no end"
    return [block for block in found if not languages or block.language in languages]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def slug(heading: str) -> str:
    """A heading's anchor, as GitHub and mkdocs make it."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "")).strip().lower().replace(" ", "-")


def headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)


def section(page: Path, heading: str) -> str:
    """The text below a heading, up to the next of the same rank or a higher one."""
    text = prose(page)
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found, f"{page}: there is no heading {heading!r}"
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text: str) -> list[list[str]]:
    """The cells of all tables in a text, headings and rules left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    found: list[list[str]] = []
    for number, line in enumerate(lines):
        if set(line) <= set("|-: ") or (number + 1 < len(lines) and set(lines[number + 1]) <= set("|-: ")):
            continue
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def codes(text: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", text)


def typed(block: Block) -> list[str]:
    """The command lines of a `console` or `bash` block, continued lines joined."""
    text = block.text.replace("\\\n", " ")
    if block.language == "console":
        return [line[2:] for line in text.splitlines() if line.startswith("$ ")]
    return [line for line in text.splitlines() if line.strip()]


def calls(line: str) -> Iterator[list[str]]:
    """The arguments of each call of the program in a line of shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    words: list[str] = []
    redirected = False
    for word in [*lexer, ";"]:
        if word and set(word) <= set("();|&"):
            while words and (words[0] in AHEAD or re.match(r"\w+=", words[0])):
                words.pop(0)
            if words and words[0] in PROGRAM:
                yield words[1:]
            words = []
        elif word and set(word) <= set("<>&"):
            redirected = True
        elif redirected:
            redirected = False
        else:
            words.append(word)
