"""What pages show, as functions of events: per test, per line, per step."""

from journeyman.core.api.work import NoteEntry
from journeyman.core.events import (
    Checked,
    Event,
    Opened,
    Progressed,
    Replied,
    SetUpFailed,
    SetUpRan,
    Stopped,
    ToolReturned,
    ToolStarted,
)
from journeyman.core.evidence import Check, CheckRun, Outcome, TestResult
from journeyman.core.model import Reply, call, say
from journeyman.core.task import Attempt, Crossed, Summary
from journeyman.server.attempts import command_views
from journeyman.server.views.checks import checks_view
from journeyman.server.views.choice import why
from journeyman.server.views.matrix import matrix
from journeyman.server.views.patch import files_of
from journeyman.server.views.terminal import Recording, cast, chunk_text
from journeyman.server.views.worklog import entries_of

CHECK = Check(command="pytest", source="flag", runner="pytest")


def checked(seq: int, on: str, tree: str, code: int, **outcomes: Outcome) -> Checked:
    tests = tuple(TestResult(id=id, outcome=outcome, message="why") for id, outcome in outcomes.items())
    run = {"check": CHECK, "on": on, "tree": tree, "exit_code": code, "seconds": 1.0, "chunk": "c" * 6, "tests": tests}
    return Checked(seq=seq, run=CheckRun.model_validate(run))


def test_every_test_before_and_after() -> None:
    runs = [
        checked(1, "base", "t0", 1, a="failed", b="passed", c="failed", d="passed", gone="passed", odd="passed"),
        checked(2, "base", "t0", 1, a="failed", b="passed", c="failed", d="passed", gone="passed", odd="failed"),
        checked(
            3,
            "result",
            "t1",
            1,
            a="passed",
            b="failed",
            c="failed",
            d="passed",
            new="passed",
            bad="failed",
            odd="passed",
        ),
    ]
    [check] = checks_view(runs, base_tree="t0", tree="t1").checks
    assert [(test.id, test.state) for test in check.tests] == [
        ("b", "broken"),
        ("bad", "added_failing"),
        ("odd", "flaky"),
        ("c", "still_failing"),
        ("a", "fixed"),
        ("new", "added"),
        ("gone", "removed"),
        ("d", "passing"),
    ]
    assert check.counts == dict.fromkeys([test.state for test in check.tests], 1)
    assert check.base is not None and check.result is not None
    assert (check.base.seq, check.base.failed, check.result.failed, check.result.stale) == (2, 3, 3, False)
    [few] = checks_view(runs, base_tree="t0", tree="t2", most=1, states=("broken", "fixed")).checks
    assert ([test.id for test in few.tests], few.hidden) == (["b"], 1)
    assert few.result is not None and few.result.stale


PATCH = rb"""diff --git "a/odd \"name\"\303\251.txt" "b/odd \"name\"\303\251.txt"
new file mode 100755
index 0000..1111
--- /dev/null
+++ "b/odd \"name\"\303\251.txt"
@@ -0,0 +1,2 @@
+--- a/fake
++++ b/fake
diff --git a/a b.txt b/a b.txt
index 1111..2222 100644
--- a/a b.txt
+++ b/a b.txt
@@ -1,2 +1,2 @@ def one():
 same
-old
\ No newline at end of file
+diff --git a/x b/x
\ No newline at end of file
@@ -9 +9,0 @@
-gone
diff --git a/logo.png b/logo.png
index 1111..2222 100644
GIT binary patch
literal 3
Kcmb>=0

literal 0
HcmV?d00001

diff --git a/run.sh b/run.sh
old mode 100644
new mode 100755
"""


def test_a_patch_is_read_whatever_stands_in_it() -> None:
    odd, spaced, logo, run = files_of(PATCH)
    assert (odd.path, odd.kind, odd.new_mode, odd.added) == ('odd "name"é.txt', "add", "100755", 2)
    assert [line.text for line in odd.hunks[0].lines] == ["--- a/fake", "+++ b/fake"]
    assert (spaced.path, spaced.added, spaced.removed) == ("a b.txt", 1, 2)
    assert [(line.kind, line.old, line.new, line.no_newline) for line in spaced.hunks[0].lines] == [
        (" ", 1, 1, False),
        ("-", 2, None, True),
        ("+", None, 2, True),
    ]
    assert spaced.hunks[0].heading == "def one():"
    assert [(line.kind, line.old) for line in spaced.hunks[1].lines] == [("-", 9)]
    assert (logo.path, logo.binary, logo.hunks) == ("logo.png", True, ())
    assert (run.old_mode, run.new_mode, run.hunks) == ("100644", "100755", ())
    [clipped, *_] = files_of(PATCH, most=1)
    assert (clipped.clipped, clipped.added, len(clipped.hunks[0].lines)) == (True, 2, 1)
    assert files_of(b"") == ()


def step(seq: int, reply: Reply) -> Replied:
    return Replied(seq=seq, at=float(seq), reply=reply, seconds=0.5)


def test_a_call_that_was_cut_off_is_told_as_interrupted() -> None:
    started = ToolStarted(seq=2, at=2.0, call_id="c1", name="shell", summary="ls")
    cut: list[Event] = [step(1, call("shell", "c1", command="ls")), started]
    [running] = entries_of(cut)
    assert running.kind == "step" and running.calls[0].status == "running"
    [interrupted, note] = entries_of([*cut, Stopped(seq=3, reason="interrupted", message="You stopped it.")])
    assert interrupted.kind == "step" and interrupted.calls[0].status == "interrupted"
    assert note.kind == "note" and note.text == "You stopped it."
    again: list[Event] = [
        *cut,
        started.model_copy(update={"seq": 3, "at": 3.0, "again": True}),
        ToolReturned(seq=4, at=5.0, call_id="c1", name="shell", content="a.txt"),
        step(5, say("Done.")),
    ]
    first, last = entries_of(again, before=7)
    assert first.kind == "step" and (first.number, first.calls[0].status, first.calls[0].seconds) == (8, "completed", 2)
    assert last.kind == "step" and (last.number, last.text) == (9, "Done.")
    assert [entry.kind for entry in entries_of([Progressed(seq=1, text="Setting up")])] == ["note"]


def test_why_an_attempt_is_handed_over() -> None:
    def attempt(number: int, verdict: str | None, **summary: int) -> Attempt:
        fields = {"id": f"t.1.{number}", "task_id": "t", "number": number, "verdict": verdict}
        return Attempt.model_validate({**fields, "summary": Summary.model_validate(summary)})

    small, large = attempt(1, "verified", added=1), attempt(2, "verified", added=9)
    failing = attempt(3, "failing")
    assert why([large, small, failing], "t.1.1") == (
        "Attempt 1 of 3: every check passes on its result, with the smallest change (+1 −0)."
    )
    assert why([small, failing], "t.1.1").endswith("which holds for no other attempt.")
    warned = attempt(2, "verified", added=1, warnings=2)
    assert why([small, warned], "t.1.1").endswith("with no warnings, the fewest.")
    assert why([small, failing], "t.1.3") == ("Attempt 3 was chosen by a person; by the checks it would be attempt 1.")
    assert why([small], "t.1.1") == ""
    assert why([small, failing], None) == ""


def test_output_is_text_and_recordings_keep_their_bytes_together() -> None:
    text = chunk_text("abcdef", b"one\n\x1b[31mtwo\xff\nthree", 2, None)
    assert (text.lines, text.start, text.end, text.total, text.clipped) == (("two\\xff", "three"), 2, 3, 3, False)
    assert chunk_text("abcdef", b"one\n", 5, 9).lines == ()
    recording = Recording("echo é", 10.0, "é\n".encode(), ((0.1, 1), (0.5, 2)))
    lines = list(cast([recording], "t"))
    assert lines[-1] == '[0.5, "o", "é\\r\\n"]'


def test_the_terminal_begins_with_what_set_up_wrote() -> None:
    ran = [
        SetUpRan(environment="shop", phase="setup", chunk="0000aa", at=50.0, seconds=4.0),
        SetUpRan(environment="shop", phase="maintenance", chunk="0000bb", at=60.0, seconds=1.0),
    ]
    views = command_views(Opened(seq=2, at=70.0, backend="bubblewrap", workspace="/w", setup=tuple(ran)))
    assert [(view.origin, view.command, view.chunk, view.at, view.exit_code) for view in views] == [
        ("setup", "# set-up of shop", "0000aa", 50.0, 0),
        ("setup", "# maintenance of shop", "0000bb", 60.0, 0),
    ]
    assert command_views(Opened(backend="bubblewrap", workspace="/w")) == []
    failed = SetUpFailed(seq=3, at=80.0, environment="shop", phase="setup", chunk="0000cc", seconds=2.0, exit_code=7)
    [view] = command_views(failed)
    assert (view.origin, view.command, view.chunk, view.exit_code) == ("setup", "# set-up of shop", "0000cc", 7)
    [entry] = entries_of([failed.model_copy(update={"cause": "The disk is full."})])
    assert isinstance(entry, NoteEntry)
    assert entry.text == "The set-up of the environment shop failed (exit code 7). The disk is full."


def test_the_matrix_says_how_each_fares_on_the_new_tests_of_the_others() -> None:
    names = ("t.1.1", "t.1.2", "t.1.3")
    pairs = [(0, 1, 1, 1), (1, 0, 2, 0), (0, 2, 2, 0)]  # whose tests, on which, how many pass and fail
    crossed = [Crossed(tests_of=names[a], on=names[b], passed=p, failed=f) for a, b, p, f in pairs]
    attempts = [
        Attempt.model_validate(
            {"id": name, "task_id": "t", "number": number, "verdict": "verified", "summary": {"crossed": crossed}}
        )
        for number, name in enumerate(names, 1)
    ]
    found = matrix(1, attempts, {}, "t.1.1")
    assert [(column.rank, column.fares) for column in found.columns] == [(1, 1.0), (3, 0.5), (2, 1.0)]
    assert [(pair.tests_of, pair.on, pair.passed, pair.failed) for pair in found.crossed] == [
        ("1.1", "1.2", 1, 1),
        ("1.1", "1.3", 2, 0),
        ("1.2", "1.1", 2, 0),
    ]
    alone = matrix(1, attempts[:1], {}, "t.1.1")
    assert (alone.columns[0].fares, alone.crossed) == (None, ())
