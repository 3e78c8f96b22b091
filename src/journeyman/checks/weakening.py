"""Edits that make tests demand less: deleted, skipped, loosened, or no longer collected. All of it in sentences."""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence

from journeyman.checks.assertions import Assertion, PythonTest, PythonTests, read_python
from journeyman.checks.settings import changed_settings, is_settings_path
from journeyman.core.evidence import Change
from journeyman.core.text import decode, one_line

Get = Callable[[str], Awaitable[bytes | None]]

MOST_FILES, MOST_SENTENCES, MAX_FILE = 300, 60, 512 * 1024
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
    considered = [change for change in changes if is_test_path(change.path) or is_settings_path(change.path)]
    considered += [change for change in changes if change.path.endswith(".rs") and change not in considered]
    old = {change.path: await _text(before, change.path) for change in considered[:MOST_FILES] if change.kind != "add"}
    new = {
        change.path: await _text(after, change.path) for change in considered[:MOST_FILES] if change.kind != "delete"
    }
    sentences: list[str] = []
    for change in considered[:MOST_FILES]:
        path = change.path
        if is_settings_path(path):
            sentences += changed_settings(path, old.get(path, ""), new.get(path, ""))
        if is_test_path(path) or path.endswith(".rs"):
            sentences += _of_file(change, old, new)
    if len(considered) > MOST_FILES:
        sentences.append(f"{len(considered) - MOST_FILES} more changed test files were not looked into.")
    return tuple(dict.fromkeys(sentences))[:MOST_SENTENCES]


async def _text(get: Get, path: str) -> str:
    data = await get(path)
    return decode(data[:MAX_FILE]) if data else ""


def _of_file(change: Change, old: dict[str, str], new: dict[str, str]) -> Iterator[str]:
    path = change.path
    if change.kind == "add":
        return
    if not _CODE.search(path):
        if change.kind == "delete":
            yield f"{path}, which belongs to the tests, was deleted."
        elif old[path] != new[path]:
            yield f"{path}, which belongs to the tests, was changed."
        return
    if path.endswith(".py"):
        yield from _python(path, old[path], new.get(path), new)
    elif change.kind == "delete":
        names = _test_names(path, old[path])
        moved = {name for other, text in new.items() for name in _test_names(other, text)}
        if lost := [name for name in names if name not in moved]:
            yield f"{path} was deleted, with {_number(len(lost), 'test')}."
    else:
        yield from _by_text(path, old[path], new[path])


# ---------------------------------------------------------------- Python


def _python(path: str, old: str, new: str | None, files: dict[str, str]) -> Iterator[str]:
    before = read_python(old)
    if before is None:
        return
    after = PythonTests() if new is None else read_python(new)
    if after is None:
        yield f"{path} can no longer be parsed, so none of its {_number(len(before.tests), 'test')} runs."
        return
    for mark in after.skips:
        if after.skips.count(mark) > before.skips.count(mark):
            yield f"{path}: tests are skipped now by `{mark}`."
    others = [
        tests
        for name, text in files.items()
        if name != path and name.endswith(".py")
        for tests in [read_python(text)]
        if tests
    ]
    lost: list[str] = []
    for name, test in before.tests.items():
        now = after.tests.get(name) or _moved(name, test, after, before, others)
        if now is None:
            lost.append(name)
        else:
            yield from _test(f"{path}: `{name}`", test, now)
    if new is None and lost:
        yield f"{path} was deleted, with {_number(len(lost), 'test')}."
    elif lost:
        yield from (f"{path}: the test `{name}` was removed." for name in lost)


def _moved(
    name: str, test: PythonTest, after: PythonTests, before: PythonTests, others: Sequence[PythonTests]
) -> PythonTest | None:
    """The same test under another name in this file, or under its name in another changed file."""
    for other_name, other in after.tests.items():
        if other_name not in before.tests and other.body == test.body:
            return other
    short = name.rsplit(".", 1)[-1]
    for tests in others:
        for other_name, other in tests.tests.items():
            if other_name.rsplit(".", 1)[-1] == short or other.body == test.body:
                return other
    return None


def _test(name: str, before: PythonTest, after: PythonTest) -> Iterator[str]:
    for mark in after.skips:
        if after.skips.count(mark) > before.skips.count(mark):
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
    "js": re.compile(r"""\b(?:test|it)(?:\.\w+)?\s*\(\s*(['"`])(.+?)\1"""),
    "go": re.compile(r"^func (())?(Test\w+)\(", re.MULTILINE),
    "rs": re.compile(r"#\[(?:\w+::)*test\b[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:pub )?(?:async )?fn (())?(\w+)"),
}
_SKIPPING = {
    "js": re.compile(
        r"\b(?:test|it|describe|suite)\.(?:skip|todo|only|failing)\b|\bx(?:it|test|describe)\s*\(|\b(?:skip|todo|only)\s*:\s*(?!false)"
    ),
    "go": re.compile(r"\bt\.Skip(?:Now|f)?\("),
    "rs": re.compile(r"#\[ignore\b|#\[should_panic\b"),
}
_ASSERTING = {
    "js": re.compile(r"\bassert(?:\.\w+)*\s*\(|\bexpect\s*\("),
    "go": re.compile(r"\bt\.(?:Error|Fatal|Fail)\w*\(|\b(?:assert|require)\.\w+\("),
    "rs": re.compile(r"\b(?:debug_)?assert(?:_eq|_ne|_matches)?!|\bpanic!"),
}
_STRONG = {
    "js": re.compile(
        r"\b(?:deepStrictEqual|strictEqual|deepEqual|equal|throws|rejects)\s*\(|\.(?:toBe|toEqual|toStrictEqual|toThrow\w*)\s*\("
    ),
    "go": re.compile(r"\b(?:assert|require)\.(?:Equal|Exactly|EqualError|ErrorIs)\("),
    "rs": re.compile(r"\bassert_eq!"),
}


def _language(path: str) -> str:
    return "go" if path.endswith(".go") else "rs" if path.endswith(".rs") else "js"


def _test_names(path: str, text: str) -> list[str]:
    if path.endswith(".py"):
        tests = read_python(text)
        return list(tests.tests) if tests else []
    if not _CODE.search(path):
        return []
    language = _language(path)
    return [match[match.re.groups] for match in _NAMES[language].finditer(_bare(text))]


def _bare(text: str) -> str:
    """Without comments, as far as a look at single lines tells."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
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
