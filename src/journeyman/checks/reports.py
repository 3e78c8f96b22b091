"""What a check says about each test: our own stream, JUnit XML, and the text of cargo and go. All of it is hostile."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from journeyman.core.evidence import Outcome, TestResult
from journeyman.core.text import clip, decode, plain

MAX_TESTS = 50_000
ID, MESSAGE = 1_000, 8_000  # characters
ENDLESS = "endless: still running"
NOT_RUN = "not run"

_SEVERITY: dict[Outcome, int] = {"skipped": 0, "passed": 1, "failed": 2, "error": 3}
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")


def test_id(text: str) -> str:
    """The runner's name of a test, in one line, without memory addresses."""
    return _ADDRESS.sub("0x", plain(text).replace("\n", " ").strip())[:ID]


def result(id: str, outcome: Outcome, seconds: float, message: str) -> TestResult:
    return TestResult(id=test_id(id), outcome=outcome, seconds=seconds, message=clip(plain(message).strip(), MESSAGE))


def merged(results: Iterable[TestResult]) -> tuple[TestResult, ...]:
    """One result for each id, the worst, in the order of their first appearance."""
    found: dict[str, TestResult] = {}
    for test in results:
        before = found.get(test.id)
        if before is None or _SEVERITY[test.outcome] > _SEVERITY[before.outcome]:
            found[test.id] = test
        if len(found) >= MAX_TESTS:
            break
    return tuple(found.values())


@dataclass(slots=True)
class StreamReport:
    """The stream of the probe: finished tests, those that were running when it ended, and those not come to."""

    tests: dict[str, TestResult] = field(default_factory=dict[str, TestResult])
    running: dict[str, None] = field(default_factory=dict[str, None])
    collected: dict[str, None] = field(default_factory=dict[str, None])
    ended: bool = False

    def __bool__(self) -> bool:
        return bool(self.tests or self.running or self.collected)

    def results(self, unfinished: str) -> tuple[TestResult, ...]:
        """All tests; `unfinished` is the message of those that were running."""
        results = dict(self.tests)
        for id in self.running:
            results.setdefault(id, result(id, "failed", 0.0, unfinished))
        for id in self.collected:
            results.setdefault(id, result(id, "skipped", 0.0, NOT_RUN))
        return tuple(results.values())[:MAX_TESTS]


def read_stream(data: bytes) -> StreamReport:
    """Read the probe's lines; what is not one of them is passed over."""
    report = StreamReport()
    for line in data.split(b"\n"):
        if len(report.tests) + len(report.collected) > 2 * MAX_TESTS:
            break
        try:
            value: object = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            _read_line(report, cast(dict[str, Any], value))
    return report


def _read_line(report: StreamReport, line: dict[str, Any]) -> None:
    match line:
        case {"start": str(id)}:
            report.running[test_id(id)] = None
        case {"id": str(id), "outcome": "passed" | "failed" | "error" | "skipped" as outcome}:
            seconds, message = line.get("seconds"), line.get("message")
            test = result(
                id,
                outcome,
                float(seconds) if isinstance(seconds, int | float) else 0.0,
                message if isinstance(message, str) else "",
            )
            report.running.pop(test.id, None)
            report.tests[test.id] = test
        case {"collected": [*ids]}:
            report.collected.update((test_id(id), None) for id in ids if isinstance(id, str))
        case {"end": int()}:
            report.ended = True
        case _:
            pass


# ---------------------------------------------------------------- JUnit XML


class _JUnit:
    """Target of an XML parser: no tree is built, so depth and size cost nothing, and a document type is refused."""

    def __init__(self) -> None:
        self.results: list[TestResult] = []
        self.case: dict[str, str] | None = None
        self.outcome: Outcome = "passed"
        self.message = ""
        self.reading = False

    def doctype(self, name: str, pubid: str, system: str) -> None:
        raise ValueError("a document type is not accepted")

    def start(self, tag: str, attrib: dict[str, str]) -> None:
        if tag == "testcase":
            self.case, self.outcome, self.message = attrib, "passed", ""
        elif self.case is not None and tag in ("failure", "error", "skipped"):
            outcome: Outcome = "failed" if tag == "failure" else "error" if tag == "error" else "skipped"
            if self.outcome == "passed" or _SEVERITY[outcome] > _SEVERITY[self.outcome]:
                self.outcome, self.message = outcome, ""
                self.reading = True
                self.data(attrib.get("message", "") + "\n" if tag == "skipped" else "")

    def data(self, data: str) -> None:
        if self.reading and len(self.message) < 4 * MESSAGE:
            self.message += data[: 4 * MESSAGE]

    def end(self, tag: str) -> None:
        if tag in ("failure", "error", "skipped"):
            self.reading = False
        elif tag == "testcase" and self.case is not None and len(self.results) < MAX_TESTS:
            self.results.append(
                result(_junit_id(self.case), self.outcome, _seconds(self.case.get("time", "")), self.message)
            )
            self.case = None

    def close(self) -> list[TestResult]:
        return self.results


def read_junit(data: bytes) -> tuple[TestResult, ...]:
    """The test cases of a JUnit report; what was read before an error when it is cut or malformed."""
    from xml.etree import ElementTree

    text = data.decode("utf-8", errors="replace").replace("\0", "")
    target = _JUnit()
    parser = ElementTree.XMLParser(target=target)
    try:
        # Fed as text: an encoding that the document declares, which might hide a document type, has no say.
        parser.feed(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))
    except (ElementTree.ParseError, ValueError):
        return merged(target.results) if "<!DOCTYPE" not in text else ()
    return merged(target.results)


def _junit_id(case: dict[str, str]) -> str:
    """pytest's node id (file::class::test) as far as the report tells."""
    file, classname, name = case.get("file", ""), case.get("classname", ""), case.get("name", "")
    if not classname:
        return name if not file or name.startswith(file) else f"{file}::{name}"
    module = re.sub(r"\.py$", "", file).replace("/", ".")
    if file.endswith(".py") and (classname == module or classname.startswith(module + ".")):
        classes = classname[len(module) + 1 :]
    else:
        parts = classname.split(".")
        modules = next((number for number, part in enumerate(parts) if part[:1].isupper()), len(parts))
        file, classes = "/".join(parts[:modules]) + ".py", ".".join(parts[modules:])
    return "::".join([file, *(part for part in classes.split(".") if part), name])


def _seconds(text: str) -> float:
    return float(text) if re.fullmatch(r"\d+(\.\d+)?(e-?\d+)?", text) else 0.0


# ---------------------------------------------------------------- text of cargo and go

_CARGO = re.compile(r"^test (.+?) \.\.\. (ok|FAILED|ignored)(?:, .*)?$")
_CARGO_TARGET = re.compile(r"^\s+(?:Running (?:unittests )?(\S+) \(|Doc-tests (\S+))")
_CARGO_OUTPUT = re.compile(r"^---- (.+) stdout ----$")
_CARGO_WORDS: dict[str, Outcome] = {"ok": "passed", "FAILED": "failed", "ignored": "skipped"}


def read_cargo(output: bytes) -> tuple[TestResult, ...]:
    """Lines "test name ... ok" of `cargo test`, named file::path::of::test."""
    found: dict[str, Outcome] = {}
    messages: dict[str, list[str]] = {}
    target, shown = "", ""
    for line in plain(decode(output)).splitlines():
        if (match := _CARGO_TARGET.match(line)) is not None:
            target, shown = match[1] or f"doc {match[2]}", ""
        elif (match := _CARGO.match(line)) is not None and len(found) < MAX_TESTS:
            found[_cargo_id(target, match[1])] = _CARGO_WORDS[match[2]]
        elif (match := _CARGO_OUTPUT.match(line)) is not None:
            shown = _cargo_id(target, match[1])
        elif line in ("failures:", "successes:") or line.startswith("test result:"):
            shown = ""
        elif shown:
            messages.setdefault(shown, []).append(line)
    return merged(result(id, outcome, 0.0, "\n".join(messages.get(id, ()))) for id, outcome in found.items())


def _cargo_id(target: str, name: str) -> str:
    """Without the line number of a documentation test and the note of a test that should panic."""
    name = re.sub(r" - should panic$", "", re.sub(r" \(line \d+\)", "", name))
    return f"{target}::{name}" if target else name


_GO = re.compile(r"^\s*--- (PASS|FAIL|SKIP): (\S+) \(([\d.]+)s\)$")
_GO_PACKAGE = re.compile(r"^(ok|FAIL|\?|---)\s+(\S+)\s+(?:[\d.]+s|\(cached\)|\[.*\])")
_GO_WORDS: dict[str, Outcome] = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}


def read_go(output: bytes) -> tuple[TestResult, ...]:
    """Lines "--- PASS: TestX (0.00s)" of `go test -v`, named package::TestX/sub; a package that does not build by
    its own name."""
    results: list[TestResult] = []
    held: list[tuple[str, Outcome, float]] = []
    said: dict[str, list[str]] = {}
    current = ""
    for line in plain(decode(output)).splitlines():
        if (match := _GO.match(line)) is not None:
            held.append((match[2], _GO_WORDS[match[1]], float(match[3])))
            current = match[2]
        elif (match := re.match(r"^=== (?:RUN|CONT|NAME)\s+(\S+)", line)) is not None:
            current = match[1]
        elif (match := _GO_PACKAGE.match(line)) is not None:
            package = match[2]
            results += [
                result(
                    f"{package}::{name}", outcome, seconds, "\n".join(said.get(name, ())) if outcome == "failed" else ""
                )
                for name, outcome, seconds in held
            ]
            if match[1] == "FAIL" and not any(outcome == "failed" for _, outcome, _ in held):
                results.append(result(package, "error", 0.0, line))
            held, said, current = [], {}, ""
        elif current and len(said.setdefault(current, [])) < 200:
            said[current].append(line)
    return merged(results)
