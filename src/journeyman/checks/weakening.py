"""Edits that make tests demand less: deleted, skipped, loosened, or no longer collected. All of it in sentences."""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence

from journeyman.checks.assertions import Assertion, PythonTest, PythonTests, read_python
from journeyman.checks.settings import changed_settings, is_settings_path
from journeyman.core.evidence import Change
from journeyman.core.text import decode, one_line

Get = Callable[[str], Awaitable[bytes | None]]

MOST_FILES, MOST_SENTENCES = 300, 60
MAX_FILE, MAX_TOTAL = 512 * 1024, 8 * 1024 * 1024  # bytes
_TEST = re.compile(
    r"(^|/)(tests?|__tests__|testing|spec|testdata|fixtures|__snapshots__)/"
    r"|(^|/)(test_[^/]*|[^/]*_test|tests|conftest)\.py$"
    r"|[.\-_](test|spec)\.[cm]?[jt]sx?$|(^|/)test[^/]*\.[cm]?js$|_test\.go$|(^|/)tests\.rs$"
)
_CODE = re.compile(r"\.(py|[cm]?[jt]sx?|go|rs)$")
_BROAD = {"Exception", "BaseException"}


def is_test_path(path: str) -> bool:
    """Whether a file belongs to the tests: tests, their helpers and their data."""
    return _TEST.search(path) is not None


async def weakened(changes: Sequence[Change], before: Get, after: Get) -> tuple[str, ...]:
    """What the work changed in the tests and their settings that makes them demand less, one sentence each.

    `before` and `after` give the bytes of a file of the base's and of the result's tree. A test that moved to another
    file is compared there.
    """
    old: dict[str, str] = {}
    new: dict[str, str] = {}
    considered: list[Change] = []
    size, left_out = 0, 0
    for change in changes:
        path = change.path
        if not (is_test_path(path) or is_settings_path(path) or path.endswith(".rs")):
            continue
        if len(considered) >= MOST_FILES or size > MAX_TOTAL:
            left_out += 1
            continue
        considered.append(change)
        if change.kind != "add":
            old[path] = await _text(before, path)
        if change.kind != "delete":
            new[path] = await _text(after, path)
        size += len(old.get(path, "")) + len(new.get(path, ""))
    sentences = await asyncio.to_thread(lambda: [*_Comparison(old, new).sentences(considered)]) if considered else []
    if left_out:
        sentences.append(f"{left_out} more changed test files were not looked into.")
    return tuple(dict.fromkeys(sentences))[:MOST_SENTENCES]


async def _text(get: Get, path: str) -> str:
    data = await get(path)
    return decode(data[:MAX_FILE]) if data else ""


class _Comparison:
    """The changed files of both sides, each parsed once, and an index of the tests that are new."""

    def __init__(self, old: dict[str, str], new: dict[str, str]) -> None:
        self.old, self.new = old, new
        self.parsed_old = {path: read_python(text) for path, text in old.items() if path.endswith(".py")}
        self.parsed_new = {path: read_python(text) for path, text in new.items() if path.endswith(".py")}
        self.names = Counter(name for path, text in new.items() for name in _test_names(path, text))
        self.by_name: dict[str, PythonTest] = {}
        self.by_body: dict[str, PythonTest] = {}
        for path, tests in self.parsed_new.items():
            known = self.parsed_old.get(path)
            for name, test in tests.tests.items() if tests else ():
                if known is None or name not in known.tests:
                    self.by_name.setdefault(name.rsplit(".", 1)[-1], test)
                    self.by_body.setdefault(test.body, test)

    def sentences(self, changes: Sequence[Change]) -> Iterator[str]:
        for change in changes:
            path = change.path
            if is_settings_path(path):
                yield from changed_settings(path, self.old.get(path, ""), self.new.get(path, ""))
            if change.kind == "add" or not (is_test_path(path) or path.endswith(".rs")):
                continue
            if path.endswith(".py"):
                yield from self._python(path)
            elif not _CODE.search(path):
                if self.old[path] != self.new.get(path):
                    how = "deleted" if change.kind == "delete" else "changed"
                    yield f"{path}, which belongs to the tests, was {how}."
            elif change.kind == "delete":
                lost = [name for name in _test_names(path, self.old[path]) if name not in self.names]
                if lost:
                    yield f"{path} was deleted, with {_number(len(lost), 'test')}."
            else:
                yield from _by_text(path, self.old[path], self.new[path])

    def _python(self, path: str) -> Iterator[str]:
        before = self.parsed_old[path]
        if before is None:
            return
        after = self.parsed_new[path] if path in self.new else PythonTests()
        if after is None:
            yield f"{path} can no longer be parsed, so none of its {_number(len(before.tests), 'test')} runs."
            return
        for mark in Counter(after.skips) - Counter(before.skips):
            yield f"{path}: tests are skipped now by `{mark}`."
        lost: list[str] = []
        for name, test in before.tests.items():
            short = name.rsplit(".", 1)[-1]
            now = after.tests.get(name) or self.by_body.get(test.body) or self.by_name.get(short)
            if now is None:
                lost.append(name)
            else:
                yield from _test(f"{path}: `{name}`", test, now)
        if path not in self.new and lost:
            yield f"{path} was deleted, with {_number(len(lost), 'test')}."
        else:
            yield from (f"{path}: the test `{name}` was removed." for name in lost)


# ---------------------------------------------------------------- one test of Python


def _test(name: str, before: PythonTest, after: PythonTest) -> Iterator[str]:
    for mark in Counter(after.skips) - Counter(before.skips):
        yield f"{name} is skipped or expected to fail now (`{mark}`)."
    if after.returns_early and not before.returns_early:
        yield f"{name} returns before its assertions now."
    if after.swallows > before.swallows:
        yield f"{name} swallows exceptions that it let through before."
    if after.cases < before.cases:
        yield f"{name} has {_number(before.cases - after.cases, 'case')} fewer."
    kept = Counter(assertion.text for assertion in before.assertions) & Counter(a.text for a in after.assertions)
    old, new = _without(before.assertions, kept), _without(after.assertions, kept)
    for was, now in zip(old, new, strict=False):
        if sentence := _looser(was, now):
            yield f"{name} {sentence}"
    if len(old) > len(new):
        gone = ", ".join(f"`{assertion.text}`" for assertion in old[len(new) :][:3])
        yield f"{name} has {_number(len(old) - len(new), 'assertion')} fewer: {gone}."


def _without(assertions: Sequence[Assertion], kept: Counter[str]) -> list[Assertion]:
    left = Counter(kept)
    rest: list[Assertion] = []
    for assertion in assertions:
        if left[assertion.text] > 0:
            left[assertion.text] -= 1
        else:
            rest.append(assertion)
    return rest


def _looser(was: Assertion, now: Assertion) -> str:
    change = f"(`{was.text}` is now `{now.text}`)."
    if was.raises and not now.raises:
        return f"no longer expects an exception {change}"
    if was.raises and now.raises:
        if _BROAD & set(now.raises) and not _BROAD & set(was.raises):
            return f"accepts any exception now {change}"
        return f"no longer looks at the message of the exception {change}" if was.matches and not now.matches else ""
    if now.strength == 0 < was.strength:
        return f"asserts nothing any more {change}"
    if now.strength < was.strength:
        return f"asserts less than before {change}"
    if was.tolerance is not None and now.tolerance is not None and was.tolerance != now.tolerance:
        return f"tolerates more than before {change}" if now.tolerance > was.tolerance else ""
    return f"expects something else than before {change}" if was.strength == now.strength else ""


# ---------------------------------------------------------------- other languages, by their text

_NAMES = {
    "js": re.compile(r"""\b(?:test|it)(?:\.\w{1,40})?\s*\(\s*(?P<quote>['"`])(?P<name>.{1,300}?)(?P=quote)"""),
    "go": re.compile(r"^func (?P<name>Test\w+)\(", re.MULTILINE),
    "rs": re.compile(
        r"#\[(?:\w{1,40}::){0,3}test\b[^\]]{0,200}\]\s{0,80}"
        r"(?:#\[[^\]]{0,200}\]\s{0,80}){0,5}(?:pub )?(?:async )?fn (?P<name>\w+)"
    ),
}
_SKIPPING = {
    "js": re.compile(
        r"\b(?:test|it|describe|suite)\.(?:skip|todo|only|failing)\b|\bx(?:it|test|describe)\s*\("
        r"|\b(?:skip|todo|only)\s*:\s*(?!false)"
    ),
    "go": re.compile(r"\bt\.Skip(?:Now|f)?\("),
    "rs": re.compile(r"#\[ignore\b"),
}
_ASSERTING = {
    "js": re.compile(r"\bassert(?:\.\w{1,40}){0,3}\s{0,40}\(|\bexpect\s*\("),
    "go": re.compile(r"\bt\.(?:Error|Fatal|Fail)\w*\(|\b(?:assert|require)\.\w+\("),
    "rs": re.compile(r"\b(?:debug_)?assert(?:_eq|_ne|_matches)?!|\bpanic!"),
}
_STRONG = {
    "js": re.compile(
        r"\b(?:deepStrictEqual|strictEqual|deepEqual|equal|throws|rejects)\s*\("
        r"|\.(?:toBe|toEqual|toStrictEqual|toThrow\w*)\s*\("
    ),
    "go": re.compile(r"\b(?:assert|require)\.(?:Equal|Exactly|EqualError|ErrorIs)\("),
    "rs": re.compile(r"\bassert_eq!"),
}
"""Repetitions are bounded: the text is hostile, and a search must take time in proportion to its length."""


def _language(path: str) -> str:
    return "go" if path.endswith(".go") else "rs" if path.endswith(".rs") else "js"


def _test_names(path: str, text: str) -> list[str]:
    if path.endswith(".py"):
        tests = read_python(text)
        return list(tests.tests) if tests else []
    if not _CODE.search(path):
        return []
    language = _language(path)
    return [match["name"] for match in _NAMES[language].finditer(_bare(text))]


def _bare(text: str) -> str:
    """Without comments, as far as a look at the text tells."""
    parts, at = list[str](), 0
    while (begin := text.find("/*", at)) >= 0 and (end := text.find("*/", begin + 2)) >= 0:
        parts.append(text[at:begin])
        at = end + 2
    text = "".join([*parts, text[at:]])
    return re.sub(r"(^|[\s;{}])//[^\n]*", r"\1", text)


def _by_text(path: str, old: str, new: str) -> Iterator[str]:
    language = _language(path)
    before, after = _bare(old), _bare(new)
    missing = Counter(_test_names(path, old)) - Counter(_test_names(path, new))
    added = Counter(_test_names(path, new)) - Counter(_test_names(path, old))
    if missing.total() > added.total():
        yield from (f"{path}: the test `{one_line(name)}` was removed or renamed." for name in missing)
    skipping = Counter(_SKIPPING[language].findall(after)) - Counter(_SKIPPING[language].findall(before))
    yield from (f"{path}: tests are left out now by `{one_line(mark)}`." for mark in skipping)
    lost = len(_ASSERTING[language].findall(before)) - len(_ASSERTING[language].findall(after))
    if lost > 0:
        yield f"{path} has {_number(lost, 'assertion')} fewer."
    elif len(_STRONG[language].findall(before)) > len(_STRONG[language].findall(after)):
        yield f"{path}: assertions that compare values were replaced by weaker ones."


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
