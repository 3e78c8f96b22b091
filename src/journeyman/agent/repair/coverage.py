"""Which lines of JavaScript a test file executes, by V8's own coverage."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast
from urllib.parse import unquote

from journeyman.agent.repair.locate import Evidence, is_source
from journeyman.agent.repair.node import test_files
from journeyman.agent.repair.validate import Goal
from journeyman.sandbox.protocol import Sandbox

SECONDS, PASSING = 10.0, 5
"""How long a test file may run for this, and how many files of passing tests are run."""

REPORT = 16 * 1024 * 1024
_NODE = (
    'd=$(mktemp -d); NODE_V8_COVERAGE=$d timeout {seconds} node "$1" >/dev/null 2>&1; '
    "for f in $d/*.json; do [ -f $f ] && cat $f && echo; done; rm -rf $d"
)


async def covered(sandbox: Sandbox, goal: Goal, evidence: Evidence) -> Evidence:
    """The evidence with the lines that failing and passing test files execute; a file that never ends says nothing."""
    endless = {test.split("::")[0] for test in goal.endless}
    failing = [path for path in test_files(goal) if path not in endless]
    passing = dict.fromkeys(test.split("::")[0] for test in goal.passing)
    others = [path for path in passing if path not in failing and path in evidence.paths][:PASSING]
    found: dict[str, Mapping[str, Sequence[int]]] = {}
    for path in [*failing, *others] if failing else []:
        script = _NODE.format(seconds=SECONDS)
        done = await sandbox.exec(
            ["sh", "-c", script, "sh", path], timeout=2 * SECONDS, keep=REPORT, output_limit=REPORT
        )
        lines = executed(done.output, evidence.texts)
        if lines:
            found[path] = lines
    return replace(evidence, covered=found, failing=frozenset(failing)) if any(map(found.get, failing)) else evidence


def executed(reports: bytes, texts: Mapping[str, str]) -> dict[str, list[int]]:
    """The lines within functions that ran, by file of `texts`, out of V8's reports, one a line of JSON."""
    found: dict[str, list[int]] = {}
    for row in reports.splitlines():
        try:
            report: object = json.loads(row)
        except (ValueError, RecursionError):
            continue
        for script in _objects(_field(report, "result")):
            url = unquote(str(_field(script, "url")))
            path = next((one for one in texts if url.endswith("/" + one) and is_source(one)), None)
            if path is not None and url.startswith("file://"):
                found[path] = _lines(texts[path], _field(script, "functions"))
    return {path: lines for path, lines in found.items() if lines}


def _lines(text: str, functions: object) -> list[int]:
    counts = [0] * len(text)
    ranges: list[tuple[int, int, int]] = []
    for function in _objects(functions):
        for part in _objects(_field(function, "ranges")):
            match part:
                case {"startOffset": int(start), "endOffset": int(end), "count": int(count)}:
                    if not (start == 0 and end >= len(text)):  # the module itself runs whatever is tested
                        ranges.append((start, -end, count))
                case _:
                    pass
    for start, end, count in sorted(ranges):
        for at in range(start, min(-end, len(text))):
            counts[at] = count
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    ends = [*(start - 1 for start in starts[1:]), len(text)]
    rows = [(start, end) for start, end in zip(starts, ends, strict=True)]
    return [
        number
        for number, (start, end) in enumerate(rows, 1)
        if any(counts[at] and not text[at].isspace() for at in range(start, end))
    ]


def _objects(value: object) -> list[object]:
    return cast(list[object], value) if isinstance(value, list) else []


def _field(value: object, name: str) -> object:
    return cast(dict[str, object], value).get(name) if isinstance(value, dict) else None
