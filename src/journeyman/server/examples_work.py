"""Examples for the API's description of what an attempt did, made of its own values."""

from collections.abc import Sequence

from journeyman.core.api.tasks import AttemptLine
from journeyman.core.api.work import (
    AttemptView,
    CallView,
    CheckEntry,
    ChecksView,
    CheckView,
    ChunkText,
    Citations,
    CitationView,
    CommandPage,
    CommandView,
    DiffLine,
    DiffView,
    EventPage,
    Evidence,
    FileDiff,
    FileEntry,
    FileList,
    FileText,
    Hunk,
    NumberedEvent,
    ResultView,
    RunView,
    SaidEntry,
    Span,
    StepEntry,
    TestView,
    Timeline,
    WorkPage,
)
from journeyman.core.events import Progressed
from journeyman.core.evidence import Change, Check, Citation, Comparison
from journeyman.core.task import Base, Summary
from journeyman.core.usage import Usage
from journeyman.core.value import Value

TASK = "0f3k9x2m1qa8zt"
BEGAN = 1_790_000_001.2
TREE = "9f04322b0406a07ba427a29741d6245ed086ba55"
TEST = "tests/test_total.py::test_empty"
PROMPT = "total([]) raises TypeError; it should be 0. Add a test."
USED = Usage(input_tokens=48_210, cached_input_tokens=40_960, output_tokens=1_904, cost=0.031)
SUMMARY = Summary(line="verified: 1 test fixed", steps=9, commands=6, usage=USED, files=1, added=3, removed=1, fixed=1)
ATTEMPT = AttemptLine(
    id=f"{TASK}.1.2",
    task_id=TASK,
    number=2,
    status="done",
    verdict="verified",
    epoch=1,
    began=BEGAN,
    ended=BEGAN + 240,
    summary=SUMMARY,
    name="1.2",
    chosen=True,
)

_CHECK = Check(command="pytest -q", source="AGENTS.md", runner="pytest")
_BASE = RunView(
    seq=4, at=BEGAN + 3, on="base", tree="3cafe653" * 5, exit_code=1, seconds=1.9, chunk="a48777", passed=41, failed=1
)
_AFTER = RunView(seq=58, at=BEGAN + 238, on="result", tree=TREE, exit_code=0, seconds=2.0, chunk="780b1e", passed=42)
_COMPARED = Comparison(fixed=(TEST,), still_passing=41)
_CITED = Citation(
    text="【F:shop/total.py†L12-L13】", kind="file", target="shop/total.py", start=12, end=13, supported=True
)
_SENTENCE = "1 of 42 tests failed before, all pass now."
_PATCH = """\
diff --git a/shop/total.py b/shop/total.py
--- a/shop/total.py
+++ b/shop/total.py
@@ -12 +12 @@ def total(prices):
-    return reduce(add, prices)
+    return sum(prices)
"""


def work_values() -> Sequence[Value]:
    """One of each."""
    return (*_outcome(), *_log(), *_terminal(), *_files())


def _outcome() -> Sequence[Value]:
    tests = (TestView(id=TEST, state="fixed", base="failed", result="passed"),)
    check = CheckView(check=_CHECK, base=_BASE, result=_AFTER, sentence=_SENTENCE, tests=tests, counts={"fixed": 1})
    cited = CitationView(citation=_CITED, first=11, lines=("def total(prices):", "    return sum(prices)"))
    result = ResultView(
        verdict="verified",
        summary="`total` adds up with `sum`, so an empty list gives 0 【F:shop/total.py†L12-L13】.",
        sentences=(_SENTENCE,),
        changes=(Change(path="shop/total.py", kind="update", added=3, removed=1),),
        comparison=_COMPARED,
        citations=(_CITED,),
        usage=USED,
        seconds=240.3,
        tree=TREE,
        has_patch=True,
    )
    base = Base(repository="/workspace", tree="3cafe653" * 5, commit="b" * 40, ref="main", branch="main")
    view = AttemptView(attempt=ATTEMPT, mode="code", model="gpt-5-codex", base=base, checks=(_CHECK,), result=result)
    return (
        view,
        result,
        ChecksView(checks=(check,), comparison=_COMPARED),
        Evidence(verdict="verified", sentences=(_SENTENCE,), checks=(check,), citations=(cited,)),
        Citations(citations=(cited,)),
    )


def _log() -> Sequence[Value]:
    call = CallView(
        call_id="c1",
        name="apply_patch",
        summary="shop/total.py",
        seq=21,
        at=BEGAN + 40,
        seconds=0.02,
        status="completed",
        content="Success. Updated the following files: M shop/total.py",
        files=True,
    )
    step = StepEntry(
        seq=20, at=BEGAN + 39.9, number=3, seconds=4.2, text="`sum` has a start.", usage=USED, calls=(call,)
    )
    said = SaidEntry(seq=2, at=BEGAN, why="prompt", text=PROMPT)
    entries = (said, step, CheckEntry(seq=58, at=BEGAN + 238, command="pytest -q", run=_AFTER))
    spans = (
        Span(kind="model", label="gpt-5-codex", start=BEGAN, end=BEGAN + 4.2, step=1, seq=5, cost=0.004, tokens=5200),
        Span(kind="check", label="pytest -q", start=BEGAN + 236, end=BEGAN + 238, seq=58),
    )
    event = Progressed(seq=3, at=BEGAN + 0.4, text="Cloning the repository")
    return (
        WorkPage(entries=entries, steps=9),
        Timeline(spans=spans, totals={"model": 4.2, "check": 2.0}),
        EventPage(events=(NumberedEvent(place=3, attempt=f"{TASK}.1.2", event=event),), cursor=3),
    )


def _terminal() -> Sequence[Value]:
    command = CommandView(
        seq=12, at=BEGAN + 20, origin="agent", command="pytest -q", exit_code=1, seconds=1.8, chunk="9d6a41", size=812
    )
    lines = ("F                                    [100%]", "1 failed in 0.02s")
    return (
        CommandPage(commands=(command,)),
        ChunkText(chunk="9d6a41", start=1, end=2, total=2, size=62, lines=lines),
    )


def _files() -> Sequence[Value]:
    lines = (
        DiffLine(kind="-", old=12, text="    return reduce(add, prices)"),
        DiffLine(kind="+", new=12, text="    return sum(prices)"),
    )
    hunk = Hunk(old_start=12, old_lines=1, new_start=12, new_lines=1, heading="def total(prices):", lines=lines)
    changed = FileDiff(path="shop/total.py", kind="update", added=1, removed=1, hunks=(hunk,))
    entries = (
        FileEntry(path="shop/total.py", kind="file", size=412, changed="update"),
        FileEntry(path="shop/tests", kind="folder"),
    )
    return (
        DiffView(attempt="1.2", against="base", files=(changed,), unified=_PATCH, added=1, removed=1),
        FileList(folder="shop", seq=21, entries=entries),
        FileText(
            path="shop/total.py",
            seq=21,
            size=412,
            start=11,
            end=12,
            total=14,
            lines=("def total(prices):", "    return sum(prices)"),
            changed="update",
        ),
    )
