"""Examples out of words: what documentation, or a request, says that a function gives for some arguments.

Only literals are taken for arguments and results: what is found is run, and nothing else of the words is.
"""

import ast
import doctest
import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONGEST = 400
"""Characters of arguments, or of a result, up to which an example is taken."""

_NUMBER = r"[-+]?(?:\d[\d_]*(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w])"
_STRING = r"[rbuRBU]{0,2}(?:'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\")"
_ATOM = re.compile(rf"{_STRING}|{_NUMBER}|(?:True|False|None|true|false|null|set\(\))(?!\w)")
_TEXT = re.compile(_STRING)
_PLAIN = {"true": "True", "false": "False", "null": "None"}
_CLOSED = {"(": ")", "[": "]", "{": "}"}
_STRAIGHT = str.maketrans({"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'", "\u2212": "-", "`": " "})

_VERB = r"(?:be|return|give|yield|equal|produce|output|print|evaluate\s+to|result\s+in)"
_ARROW = r"(?:={1,3}>|-{1,3}>|➞|→|⇒|⟶|↦|==|=|:)"
_FILLER = r"(?:\s*(?:the|an?|value|list|string|number|tuple|just|simply|exactly|which\s+is|to|of|be|:)\b)*[\s:]*"
_SHOULD = re.compile(
    rf"\b(?:should(?:\s+have)?|must|ought\s+to|needs?\s+to|has\s+to|is\s+supposed\s+to|expect(?:s|ed|ing)?)\b"
    rf"(?:\s+(?:it\s+to|result|answer|output|value|also|instead|is|was))*\s*:?\s*(?:{_VERB}(?:ed)?\b)?{_FILLER}",
    re.IGNORECASE,
)
_INSTEAD = re.compile(rf"\b(?:instead\s+of|rather\s+than|and\s+not|but\s+not)\b{_FILLER}(?:\w+ing\s+)?", re.IGNORECASE)
_SIGN = re.compile(rf"\s*(?:#\s*)?{_ARROW}\s*|\s*#\s*")
_SAYS = re.compile(
    rf"\s*,?\s*(?:(?:will|would|shall|can)\s+)?(?:{_VERB}s?|is|are|becomes)\b{_FILLER}",
    re.IGNORECASE,
)
_RAISES = re.compile(
    r"\b(?:should|must|has\s+to|needs?\s+to|ought\s+to|is\s+supposed\s+to)\s+(?:raise|throw)\s+(?:an?\s+)?"
    r"([A-Z]\w*(?:Error|Exception|Interrupt|Iteration))\b"
)
_RESULT = re.compile(
    rf"\b(?:output|result|answer|return\s+value|function|it|we)\b[^.\n]{{0,30}}?"
    rf"(?:{_SHOULD.pattern}|\b(?:will\s+)?(?:{_VERB}s?|is)\b{_FILLER}|{_ARROW}\s*)",
    re.IGNORECASE,
)
_GIVEN = re.compile(r"\b(?:for|given|with|if|when|where)\s+(?=[A-Za-z_]\w*\s*=\s*)", re.IGNORECASE)
_INPUT = re.compile(r"^\W*(?:(?:sample|example)\s+)?inputs?\b\s*\d*\s*[:=]\s*(.+)$", re.IGNORECASE)
_OUTPUT = re.compile(
    r"^\W*(?:(?:sample|example|expected)\s+)?(?:outputs?|returns?|results?|expected)\b\s*\d*\s*[:=]\s*(.+)$",
    re.IGNORECASE,
)
_UNIT = re.compile(
    r"\s+(?!(?:and|as|at|because|but|by|for|from|however|if|in|instead|it|not|now|on|or|rather|since|so|than|that|then|"
    r"to|when|where|while|with)\b)[A-Za-z%]"
)
"""A word behind a number that belongs to it: `1.0 billion`."""
_RULE = re.compile(r"^[\s|:+=-]*[=-]{2,}[\s|:+=-]*$")


@dataclass(frozen=True, slots=True)
class Example:
    """`name(arguments)` gives `expected`, both literals as Python writes them, or raises the exception of that name."""

    name: str
    arguments: str
    expected: str
    raises: bool = False

    @property
    def call(self) -> str:
        return f"{self.name}({self.arguments})"


def literal_at(text: str, at: int) -> tuple[str, int] | None:
    """The literal that begins at `at`, as Python writes it, and where it ends; None when there is none."""
    atom = _ATOM.match(text, at)
    if atom is not None:
        end, found = atom.end(), _PLAIN.get(atom[0], atom[0])
    elif text[at : at + 1] in _CLOSED:
        closed = _closing(text, at)
        if closed is None:
            return None
        end, found = closed, re.sub(r"\b(true|false|null)\b", lambda word: _PLAIN[word[0]], text[at:closed])
    else:
        return None
    return (found, end) if len(found) <= LONGEST and _is_literal(found) else None


def _closing(text: str, at: int) -> int | None:
    """The offset behind the bracket that closes the one at `at`."""
    waiting: list[str] = []
    while at < len(text):
        quoted = _TEXT.match(text, at) if text[at] in "'\"" else None
        if quoted is not None:
            at = quoted.end()
            continue
        if text[at] in _CLOSED:
            waiting.append(_CLOSED[text[at]])
        elif text[at] in ")]}":
            if not waiting or waiting.pop() != text[at]:
                return None
            if not waiting:
                return at + 1
        at += 1
    return None


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text == "set()"
    return True


def _arguments(text: str) -> str | None:
    """What stands between the brackets of a call, when all of it is literals."""
    try:
        call = ast.parse(f"f({text})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not isinstance(call, ast.Call) or len(text) > LONGEST:
        return None
    values = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg)]
    plain = len(values) == len(call.args) + len(call.keywords) and all(_is_literal(ast.unparse(one)) for one in values)
    return ast.unparse(call)[2:-1] if plain else None


def examples_of(text: str, names: Sequence[str], *, request: bool = False) -> list[Example]:
    """Calls of `names` with what they give, wherever a text has them.

    In a `request` it may be said what is wrong now: there only what should be counts, and what an arrow points to.
    """
    text = text.translate(_STRAIGHT)
    if not names:
        return []
    calls = re.compile(rf"(?<![\w.])({'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})\s*(?=\()")
    found: list[tuple[str, str, int, int]] = []
    for match in calls.finditer(text):
        end = _closing(text, match.end())
        inside = _arguments(text[match.end() + 1 : end - 1]) if end is not None else None
        if end is not None and inside is not None:
            found.append((match[1], inside, match.start(), end))
    examples: list[Example] = []
    for place, (name, inside, _, end) in enumerate(found):
        stop = found[place + 1][2] if place + 1 < len(found) else len(text)
        said = _said(_sentence(text[end:stop], request), request)
        if said is not None:
            examples.append(Example(name, inside, *said))
    if request and not found:
        examples = _uncalled(text, names)
    return agreed(examples)


def is_readable(text: str) -> bool:
    """Whether doctest can read the examples of a text."""
    try:
        doctest.DocTestParser().get_examples(text)
    except ValueError:
        return False
    return True


def interactive(raw: str, names: Sequence[str]) -> list[Example]:
    """The `>>>` examples of a docstring as it is written in the source, for those that doctest cannot read: an escape
    such as `\\n` in a text is a line break when it gets there."""
    rows = inspect.cleandoc(raw.strip("rRuUbB").strip("\"'"))
    found: list[Example] = []
    for one in doctest.DocTestParser().get_examples(rows) if is_readable(rows) else ():
        source, expected = one.source.strip(), one.want.strip()
        name, _, rest = source.partition("(")
        arguments = _arguments(rest[:-1]) if rest.endswith(")") else None
        if name in names and arguments is not None and _is_literal(expected):
            found.append(Example(name, arguments, expected))
    return found


def _uncalled(text: str, names: Sequence[str]) -> list[Example]:
    """`[1, 2] should be "1-2"`, in a request that names one function and does not call it."""
    named = [name for name in names if re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text)]
    examples: list[Example] = []
    at = 0
    while len(named) == 1 and at < len(text):
        # An apostrophe within a word begins no text.
        begins = text[at] in "([{'\"" and not text[at - 1 : at].isalnum()
        given = literal_at(text, at) if begins else None
        if given is not None:
            behind = re.compile(r"\s*").match(text, given[1])
            should = _SHOULD.match(text, behind.end() if behind else given[1])
            value = literal_at(text, should.end()) if should else None
            if value is not None:
                examples.append(Example(named[0], given[0], value[0]))
            at = given[1]
        at += 1
    return examples


def _sentence(text: str, request: bool) -> str:
    """As much of a text as still speaks of the call before it: the line, in a request the paragraph."""
    return text.split("\n\n", 1)[0][:300].replace("\n", " ") if request else text.split("\n", 1)[0][:300]


def _said(rest: str, request: bool) -> tuple[str, bool] | None:
    """What a call gives by the words behind it, and whether that is an exception."""
    if raised := _RAISES.search(rest):
        return raised[1], True
    for marker in (_SHOULD, _INSTEAD) if request else (_SHOULD,):
        for match in marker.finditer(rest):
            value = literal_at(rest, match.end())
            if value is not None and not (request and value[0][-1].isdigit() and _UNIT.match(rest, value[1])):
                return value[0], False
    marks = (_SIGN,) if request else (_SIGN, _SAYS)
    for marker in marks:
        match = marker.match(rest)
        if match and (value := literal_at(rest, match.end())) is not None:
            return value[0], False
    return None


def told_of(text: str, name: str, parameters: Sequence[str]) -> list[Example]:
    """What the documentation of one function says without calling it by name: inputs and outputs, cases, tables."""
    text = text.translate(_STRAIGHT)
    return agreed([*_pairs(text, name, parameters), *_cases(text, name, parameters), *_tables(text, name, parameters)])


def _pairs(text: str, name: str, parameters: Sequence[str]) -> Iterator[Example]:
    rows = text.split("\n")
    for at, row in enumerate(rows):
        given = _INPUT.match(row)
        follows = [after for after in rows[at + 1 : at + 4] if after.strip()][:1]
        gives = _OUTPUT.match(follows[0]) if follows else None
        if given is None or gives is None:
            continue
        arguments, value = assigned(given[1].strip(), parameters), literal_at(gives[1].strip(), 0)
        if arguments is not None and value is not None:
            yield Example(name, arguments[0], value[0])


def _cases(text: str, name: str, parameters: Sequence[str]) -> Iterator[Example]:
    for match in _GIVEN.finditer(text):
        given = assigned(text[match.end() : match.end() + 2 * LONGEST], parameters)
        if given is None:
            continue
        rest = re.split(r"\n\s*\n|\b(?:for|given)\s+\w+\s*=", text[match.end() + given[1] :], maxsplit=1)[0]
        for result in _RESULT.finditer(rest.replace("\n", " ")[:300]):
            value = literal_at(rest.replace("\n", " "), result.end())
            if value is not None:
                yield Example(name, given[0], value[0])
                break


def assigned(text: str, parameters: Sequence[str]) -> tuple[str, int] | None:
    """Arguments out of `a = 1, b = [2]` or `1, [2]`, for all `parameters` in their order; and where they end."""
    values: dict[str, str] = {}
    at, place = 0, 0
    while True:
        named = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*").match(text, at)
        start = named.end() if named else at + len(text[at:]) - len(text[at:].lstrip())
        value = literal_at(text, start)
        if value is None or place >= len(parameters):
            break
        key = named[1] if named and named[1] in parameters else parameters[place]
        if key in values or (named and named[1] not in parameters and len(parameters) > 1):
            return None
        values[key] = value[0]
        place, at = place + 1, value[1]
        more = re.compile(r"\s*(?:,\s*and\b|,|\band\b|;)").match(text, at)
        if more is None:
            break
        at = more.end()
    if not values or set(values) != set(parameters):
        return None
    return ", ".join(values[one] for one in parameters), at


def _tables(text: str, name: str, parameters: Sequence[str]) -> Iterator[Example]:
    """Rows of a table with one column for each parameter and one for the result."""
    if not any(_RULE.match(row) for row in text.split("\n")):
        return
    for row in text.split("\n"):
        bare = row.strip()
        cells = bare.strip("|").split("|") if "|" in bare else re.split(r"\s{2,}|\t", bare)
        values = [literal_at(cell.strip(), 0) for cell in cells]
        whole = [
            value[0]
            for cell, value in zip(cells, values, strict=True)
            if value is not None and value[1] == len(cell.strip())
        ]
        if parameters and len(whole) == len(cells) == len(parameters) + 1:
            yield Example(name, ", ".join(whole[:-1]), whole[-1])


def agreed(examples: Sequence[Example]) -> list[Example]:
    """Each example once; what is said in two ways of the same call is not taken for either."""
    said: dict[str, dict[str, Example]] = {}
    for example in examples:
        said.setdefault(example.call, {})[example.expected] = example
    return [one for answers in said.values() if len(answers) == 1 for one in answers.values()]


def statement(example: Example) -> str:
    """The example as a condition, in Python; those that raise have none."""
    value = None if example.expected == "set()" else ast.literal_eval(example.expected)
    if value is None and example.expected == "None":
        return f"{example.call} is None"
    decimals = len(example.expected.rpartition(".")[2]) if isinstance(value, float) and "." in example.expected else 0
    if decimals and "e" not in example.expected.lower():
        # It may have been rounded to what is written, unless that is so little that it is likely all there is.
        return f"abs({example.call} - {example.expected}) < {0.5 * 10**-decimals if decimals > 1 else 1e-6:g}"
    return f"{example.call} == {example.expected}"
