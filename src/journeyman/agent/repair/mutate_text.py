"""Single mutations of programs in any other language, by their words and signs alone, the likeliest first.

No tree tells what a sign means: much that is made is no program, which the compiler or the first test says soon.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from journeyman.agent.repair.javascript_site import SLIPS, SWAPS
from journeyman.agent.repair.source import Edit, Mutation

_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/|(?<![$\w{.])\#[^\n]*)
      | (?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)
      | (?P<number>\b\d+(?:\.\d+)?\b)
      | (?P<name>[A-Za-z_$][\w$]*[?!]?)
      | (?P<flag>(?<=\s)-(?:eq|ne|lt|le|gt|ge|z|n|a|o)\b)
      | (?P<sign>===|!==|\*\*=|<<=|>>=|&&|\|\||\?\?|==|!=|<=|>=|<<|>>|\+\+|--|\+=|-=|\*=|/=|%=|->|=>|::|:=|\*\*
               |[-+*/%<>=!&|^~?:;,.()\[\]{}])
      | (?P<line>\n)""",
    re.VERBOSE | re.DOTALL,
)
_FLAGS = {
    "-lt": (("-le", 1.0), ("-gt", 0.6)),
    "-le": (("-lt", 1.0), ("-ge", 0.6)),
    "-gt": (("-ge", 1.0), ("-lt", 0.6)),
    "-ge": (("-gt", 1.0), ("-le", 0.6)),
    "-eq": (("-ne", 0.8), ("-le", 0.4), ("-ge", 0.4), ("-lt", 0.3), ("-gt", 0.3)),
    "-ne": (("-eq", 0.8), ("-lt", 0.3), ("-gt", 0.3)),
    "-z": (("-n", 0.8),),
    "-n": (("-z", 0.8),),
    "-a": (("-o", 0.7),),
    "-o": (("-a", 0.7),),
}
_WORDS = {
    "true": ("false",), "false": ("true",), "and": ("or",), "or": ("and",), "break": ("continue",),
    "continue": ("break",), "if": ("unless",), "unless": ("if",), "while": ("until", "if"), "until": ("while",),
    "min": ("max",), "max": ("min",), "is_some": ("is_none",), "is_none": ("is_some",), "first": ("last",),
    "last": ("first",), "push_back": ("push_front",), "push_front": ("push_back",), "pop_back": ("pop_front",),
    "pop_front": ("pop_back",), "any": ("all",), "all": ("any",), "starts_with": ("ends_with",),
    "ends_with": ("starts_with",), "HasPrefix": ("HasSuffix",), "HasSuffix": ("HasPrefix",),
    "to_lowercase": ("to_uppercase",), "to_uppercase": ("to_lowercase",), "tolower": ("toupper",),
    "toupper": ("tolower",), "ToLower": ("ToUpper",), "ToUpper": ("ToLower",), "upcase": ("downcase",),
    "downcase": ("upcase",), "shift": ("pop",), "next": ("break",), "select": ("reject",), "reject": ("select",),
    "islower": ("isupper",), "isupper": ("islower",), "head": ("tail",), "tail": ("head",), "Index": ("LastIndex",),
    "isalpha": ("isalnum", "isdigit"), "isdigit": ("isalpha", "isalnum"), "floor": ("ceil", "round"),
    "ceil": ("floor", "round"), "empty?": ("any?",), "any?": ("all?", "none?"), "all?": ("any?",),
}  # fmt: skip
_COMPARES = ("<", "<=", ">", ">=", "==", "!=", "===", "!==")
_KEYWORDS = frozenset(
    re.findall(
        r"\w+",
        """
        if else elif fi then do done for while until case esac in of return break continue func fn function def end let
        const var mut pub use import from package struct enum impl trait type class new public private protected static
        void int long short char float double bool boolean string String unsigned signed size_t match loop switch
        default nil null NULL None Some true false self this super yield begin rescue ensure module require local export
        async await echo printf range len goto sizeof typedef extern final number u8 u16 u32 u64 usize i8 i16 i32 i64
        isize f32 f64 str Vec Option Result Ok Err as where unless elsif and or not
        """,
    )
)
NEAR = 25
"""Lines around a name in which another one is looked for."""


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    start: int
    line: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def tokens_of(text: str) -> list[Token]:
    found: list[Token] = []
    line = 1
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        if kind not in ("comment", "line"):
            found.append(Token(kind, match[0], match.start(), line))
        line += match[0].count("\n")
    return found


def mutations(
    text: str, lines: Sequence[range] = (), suspicion: Mapping[int, float] | None = None, limit: int = 5000
) -> list[Mutation]:
    """Mutations in `lines` (all of the file when empty), best first, without repetitions, at most `limit`."""
    tokens = tokens_of(text)
    suspicion = suspicion or {}
    best: dict[tuple[tuple[int, int, str], ...], tuple[float, int, Mutation]] = {}
    for number, mutation in enumerate(_all(text, tokens)):
        if lines and not any(mutation.line in part for part in lines):
            continue
        key = tuple((edit.start, edit.end, edit.text) for edit in mutation.edits)
        weight = mutation.weight * suspicion.get(mutation.line, 1.0)
        if key not in best or best[key][0] < weight:
            best[key] = (weight, number, mutation)
    ranked = sorted(best.values(), key=lambda entry: (-entry[0], entry[1]))
    return [mutation for _, _, mutation in ranked[:limit]]


def _all(text: str, tokens: Sequence[Token]) -> Iterator[Mutation]:
    for at, token in enumerate(tokens):
        before = tokens[at - 1] if at else None
        after = tokens[at + 1] if at + 1 < len(tokens) else None
        match token.kind:
            case "sign":
                yield from _sign(token, before, after, at, tokens)
            case "flag":
                yield from (_to("operator", weight, token, other) for other, weight in _FLAGS.get(token.text, ()))
            case "number":
                yield from _number(token, before)
            case "name":
                yield from _name(token, before, after, at, tokens)
            case _:
                pass
    yield from _rows(text)


def _to(kind: str, weight: float, token: Token, text: str) -> Mutation:
    return Mutation(kind, token.line, weight, (Edit(token.start, token.end, text),))


def _is_value(token: Token | None) -> bool:
    return token is not None and (
        (token.kind in ("number", "text"))
        or (token.kind == "name" and token.text not in _KEYWORDS)
        or token.text in (")", "]")
    )


def _sign(
    token: Token, before: Token | None, after: Token | None, at: int, tokens: Sequence[Token]
) -> Iterator[Mutation]:
    sign = token.text
    starts = after is not None and (
        _is_value(after) or after.text in ("(", "-", "!", "&", "*") or after.text in _KEYWORDS
    )
    if sign == "!" and after is not None and after.text != "[":
        yield _to("negation dropped", 0.5, token, "")
    if sign in ("++", "--"):
        yield _to("operator", 0.7, token, "--" if sign == "++" else "++")
    if sign in ("+=", "-=", "*=", "/=", "%="):
        for other, weight in SLIPS.get(sign[0], ()):
            yield _to("assignment", weight, token, f"{other}=")
        yield _to("assignment", 0.4, token, "=")
    if sign == "=" and before is not None and before.kind == "name":
        yield _to("assignment", 0.25, token, "+=")
        yield _to("assignment", 0.2, token, "-=")
    if sign == "," and before is not None and after is not None:
        # Two arguments of one word each.
        outer = (tokens[at - 2].text if at > 1 else "", tokens[at + 2].text if at + 2 < len(tokens) else "")
        if (
            _is_value(before)
            and _is_value(after)
            and outer[0] in ("(", ",", "[", "{")
            and outer[1] in (")", ",", "]", "}")
        ):
            edits = (Edit(before.start, before.end, after.text), Edit(after.start, after.end, before.text))
            yield Mutation("swapped arguments", token.line, 0.7, edits)
    if not (_is_value(before) and starts) or before is None or after is None:
        return
    for other, weight in SLIPS.get(sign, ()):
        yield _to("operator", weight, token, other)
        if sign in _COMPARES and after.kind == "number" and after.text.isdigit():
            for step in (-1, 1):
                edits = (Edit(token.start, token.end, other), Edit(after.start, after.end, str(int(after.text) + step)))
                yield Mutation("compare and number", token.line, weight * 0.4, edits)
    if sign in (*_COMPARES[:4], "-", "/", "%", "+") and before.text not in (")", "]") and _is_value(after):
        edits = (Edit(before.start, before.end, after.text), Edit(after.start, after.end, before.text))
        yield Mutation("swapped operands", token.line, 0.4, edits)
    if (
        sign in _COMPARES
        and after.kind == "name"
        and at + 2 < len(tokens)
        and tokens[at + 2].text not in ("(", ".", "[")
    ):
        for change in (" - 1", " + 1"):
            yield _to("step", 0.6, after, after.text + change)


def _number(token: Token, before: Token | None) -> Iterator[Mutation]:
    if before is not None and before.text in (".", "#"):
        return
    if not token.text.isdigit():
        yield _to("number", 0.2, token, f"{float(token.text) * 2:g}")
        return
    known = int(token.text)
    for other, weight in ((known + 1, 0.7), (known - 1, 0.7), (0, 0.25), (1, 0.25), (2, 0.2), (known * 2, 0.15)):
        if other >= 0 and other != known:
            yield _to("number", weight, token, str(other))
    if known and before is not None and before.text in ("(", ",", "=", "return", ":=", "=="):
        yield _to("number", 0.25, token, f"-{known}")


def _name(
    token: Token, before: Token | None, after: Token | None, at: int, tokens: Sequence[Token]
) -> Iterator[Mutation]:
    for other in (*_WORDS.get(token.text, ()), *SWAPS.get(token.text, ())):
        yield _to("word", 0.7, token, other)
    if token.text in _KEYWORDS or (after is not None and after.text in ("(", "::", "{")):
        return
    if before is not None and (before.text in (".", "::", "->") or before.text in _KEYWORDS - {"return", "in", "if"}):
        return
    if before is not None and before.text in ("[", "(") and after is not None and after.text in ("]", ")"):
        for change in (" - 1", " + 1"):
            yield _to("step", 0.5 if after.text == "]" else 0.2, token, token.text + change)
    near: Counter[str] = Counter()
    for place in range(max(0, at - 300), min(len(tokens), at + 300)):
        one = tokens[place]
        following = tokens[place + 1].text if place + 1 < len(tokens) else ""
        leading = tokens[place - 1].text if place else ""
        variable = one.kind == "name" and one.text not in _KEYWORDS and not one.text[:1].isupper()
        alone = following not in ("(", "::", "!") and leading not in (".", "::", "->")
        if variable and alone and abs(one.line - token.line) <= NEAR:
            near[one.text] += 1
    for other, count in near.most_common(8):
        if other != token.text and count > 1:
            yield _to("name", 0.35, token, other)


def _rows(text: str) -> Iterator[Mutation]:
    """A whole line that should not be there, or two in each other's place."""
    start = 0
    rows = text.splitlines(keepends=True)
    for number, row in enumerate(rows, 1):
        bare = row.strip()
        if bare.endswith(";") or re.fullmatch(r"[\w$.\[\]]+\s*(?:[-+*/%]?=|\+\+|--).*[^{(,]", bare):
            if not bare.startswith(("import ", "use ", "package ", "#", "//", "return ", "const ", "let ", "var ")):
                yield Mutation("deletion", number, 0.25, (Edit(start, start + len(row), ""),))
            following = rows[number] if number < len(rows) else ""
            if following.strip().endswith(";") and _depth(row) == _depth(following):
                edit = Edit(start, start + len(row) + len(following), following + row)
                yield Mutation("order", number, 0.25, (edit,))
        start += len(row)


def _depth(row: str) -> int:
    return len(row) - len(row.lstrip())
