"""What patches do to files: one scenario a kind, as a table of before, patch, after."""

from dataclasses import dataclass
from textwrap import dedent

import pytest

from journeyman.core.evidence import Change
from journeyman.repo.patch import Applied, PatchError, apply, parse

Files = dict[str, bytes]


def files_after(before: Files, text: str) -> Files:
    """The files after the patch, as a caller writes them."""
    applied = apply_to(before, text)
    after = {path: data for path, data in before.items() if path not in applied.deletes}
    return after | applied.writes


def apply_to(before: Files, text: str) -> Applied:
    patch = parse(text)
    return apply(patch, {path: before.get(path) for path in patch.reads})


def patch(body: str) -> str:
    return f"*** Begin Patch\n{dedent(body).strip(chr(10))}\n*** End Patch\n"


@dataclass(frozen=True)
class Scenario:
    name: str
    before: Files
    patch: str
    after: Files


SCENARIOS = [
    Scenario(
        "add",
        {},
        patch("*** Add File: notes/new.md\n+# Title\n+\n+text"),
        {"notes/new.md": b"# Title\n\ntext\n"},
    ),
    Scenario("add an empty file", {}, patch("*** Add File: pkg/__init__.py"), {"pkg/__init__.py": b""}),
    Scenario("add overwrites", {"a.txt": b"old\n"}, patch("*** Add File: a.txt\n+new"), {"a.txt": b"new\n"}),
    Scenario("add forgives an empty line", {}, patch("*** Add File: a\n+1\n\n+2\n"), {"a": b"1\n\n2\n"}),
    Scenario(
        "many files",
        {"keep.py": b"x = 1\n", "gone.txt": b"bye\n"},
        patch("*** Add File: n.txt\n+n\n*** Delete File: gone.txt\n*** Update File: keep.py\n@@\n-x = 1\n+x = 2"),
        {"n.txt": b"n\n", "keep.py": b"x = 2\n"},
    ),
    Scenario(
        "many chunks",
        {"m.txt": b"a\nb\nc\nd\n"},
        patch("*** Update File: m.txt\n@@\n-b\n+B\n@@\n-d\n+D"),
        {"m.txt": b"a\nB\nc\nD\n"},
    ),
    Scenario(
        "move",
        {"old/name.txt": b"one\ntwo\n", "old/other.txt": b"stays\n"},
        patch("*** Update File: old/name.txt\n*** Move to: new/dir/name.txt\n@@\n-one\n+uno"),
        {"old/other.txt": b"stays\n", "new/dir/name.txt": b"uno\ntwo\n"},
    ),
    Scenario("move alone", {"a": b"1\n"}, patch("*** Update File: a\n*** Move to: b"), {"b": b"1\n"}),
    Scenario(
        "move onto itself", {"a": b"1\n"}, patch("*** Update File: a\n*** Move to: ./a\n@@\n-1\n+2"), {"a": b"2\n"}
    ),
    Scenario(
        "move overwrites",
        {"from.txt": b"from\n", "to.txt": b"to\n"},
        patch("*** Update File: from.txt\n*** Move to: to.txt\n@@\n-from\n+new"),
        {"to.txt": b"new\n"},
    ),
    Scenario("delete", {"a": b"1\n", "b": b"2\n"}, patch("*** Delete File: a"), {"b": b"2\n"}),
    Scenario("insertion at the end", {"a": b"1\n2\n"}, patch("*** Update File: a\n@@\n+3\n+4"), {"a": b"1\n2\n3\n4\n"}),
    Scenario(
        "insertion before a last empty line", {"a": b"1\n\n"}, patch("*** Update File: a\n@@\n+2"), {"a": b"1\n2\n\n"}
    ),
    Scenario(
        "insertion below its anchor",
        {"a": b"def f():\n    pass\n"},
        patch("*** Update File: a\n@@ def f():\n+    log()"),
        {"a": b"def f():\n    log()\n    pass\n"},
    ),
    Scenario("insertion into an empty file", {"a": b""}, patch("*** Update File: a\n@@\n+1"), {"a": b"1\n"}),
    Scenario(
        "the end of the file wins",
        {"a": b"x\nend\nx\nend\n"},
        patch("*** Update File: a\n@@\n x\n-end\n+END\n*** End of File"),
        {"a": b"x\nend\nx\nEND\n"},
    ),
    Scenario(
        "the end of the file is not there",
        {"a": b"x\nend\ny\n"},
        patch("*** Update File: a\n@@\n x\n-end\n+END\n*** End of File"),
        {"a": b"x\nEND\ny\n"},
    ),
    Scenario(
        "anchors one below the other",
        {"a": b"class A:\n    def f():\n        1\nclass B:\n    def f():\n        1\n"},
        patch("*** Update File: a\n@@ class B:\n@@ def f():\n-        1\n+        2"),
        {"a": b"class A:\n    def f():\n        1\nclass B:\n    def f():\n        2\n"},
    ),
    Scenario(
        "the anchor again as context",
        {"a": b"def f():\n    1\n"},
        patch("*** Update File: a\n@@ def f():\n def f():\n-    1\n+    2"),
        {"a": b"def f():\n    2\n"},
    ),
    Scenario(
        "line numbers of a unified diff",
        {"a": b"1\n2\n"},
        patch("*** Update File: a\n@@ -1,2 +1,2 @@\n 1\n-2\n+3"),
        {"a": b"1\n3\n"},
    ),
    Scenario("no first @@", {"a": b"1\n2\n"}, patch("*** Update File: a\n 1\n-2\n+3\n@@\n+4"), {"a": b"1\n3\n4\n"}),
    Scenario(
        "typographic dashes and quotes",
        {"a": "# rules \u2013 \u201cquoted\u201d\u00a0text\nx = 1\n".encode()},
        patch('*** Update File: a\n@@\n # rules - "quoted" text\n-x = 1\n+x = 2'),
        {"a": "# rules \u2013 \u201cquoted\u201d\u00a0text\nx = 2\n".encode()},
    ),
    Scenario(
        "blanks around markers and headers",
        {"a": b"1\n"},
        "\n  *** Begin Patch  \n   *** Add File: b\t\n+x\n  *** Update File: a  \n@@\n-1\n+2\n *** End Patch \n\n",
        {"a": b"2\n", "b": b"x\n"},
    ),
    Scenario("heredoc", {}, "<<'EOF'\n*** Begin Patch\n*** Add File: a\n+1\n*** End Patch\nEOF\n", {"a": b"1\n"}),
    Scenario("code fence", {}, "```diff\n*** Begin Patch\n*** Add File: a\n+1\n*** End Patch\n```\n", {"a": b"1\n"}),
    Scenario(
        "carriage returns in the patch",
        {"a": b"1\n2\n"},
        patch("*** Update File: a\n@@\n 1\n-2\n+3").replace("\n", "\r\n"),
        {"a": b"1\n3\n"},
    ),
    Scenario(
        "an empty context line without its space",
        {"a": b"1\n\n2\n"},
        "*** Begin Patch\n*** Update File: a\n@@\n 1\n\n-2\n+3\n*** End Patch",
        {"a": b"1\n\n3\n"},
    ),
    Scenario(
        "empty lines between hunks are space",
        {"a": b"1\n2\n"},
        "*** Begin Patch\n\n*** Update File: a\n\n@@\n-2\n+3\n\n\n*** Add File: b\n+x\n\n*** End Patch",
        {"a": b"1\n3\n", "b": b"x\n"},
    ),
    Scenario(
        "additions and then an empty line go to the end",
        {"a": b"1\n\n2\n"},
        "*** Begin Patch\n*** Update File: a\n@@\n+3\n\n*** End Patch",
        {"a": b"1\n\n2\n3\n"},
    ),
    Scenario(
        "an indented header inside an update is content",
        {"a": b"*** Update File: b\nx\n"},
        patch("*** Update File: a\n@@\n *** Update File: b\n-x\n+y"),
        {"a": b"*** Update File: b\ny\n"},
    ),
    Scenario(
        "environment line",
        {},
        "*** Begin Patch\n*** Environment ID: e1\n*** Add File: a\n+1\n*** End Patch",
        {"a": b"1\n"},
    ),
    Scenario(
        "two updates of one file, the second above the first",
        {"a": b"1\n2\n3\n"},
        patch("*** Update File: a\n@@\n-3\n+C\n*** Update File: a\n@@\n-1\n+A"),
        {"a": b"A\n2\nC\n"},
    ),
    Scenario(
        "add and then update",
        {},
        patch("*** Add File: a\n+1\n+2\n*** Update File: a\n@@\n-2\n+3"),
        {"a": b"1\n3\n"},
    ),
    Scenario("delete and then add", {"a": b"1\n"}, patch("*** Delete File: a\n*** Add File: a\n+2"), {"a": b"2\n"}),
    Scenario(
        "move and then update under the new name",
        {"a": b"1\n2\n"},
        patch("*** Update File: a\n*** Move to: b\n@@\n-1\n+A\n*** Update File: b\n@@\n-2\n+B"),
        {"b": b"A\nB\n"},
    ),
    Scenario(
        "an insertion at the end that a later chunk surrounds",
        {"a": b"1\n2\n\n"},
        "*** Begin Patch\n*** Update File: a\n@@\n+3\n@@\n-2\n+B\n \n*** End Patch",
        {"a": b"1\nB\n\n3\n"},
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_scenario(scenario: Scenario) -> None:
    assert files_after(scenario.before, scenario.patch) == scenario.after


def test_the_summary_lists_added_modified_deleted_in_this_order() -> None:
    before = {"gone.py": b"1\n", "changed.py": b"1\n", "from.py": b"1\n2\n"}
    applied = apply_to(
        before,
        patch(
            """
            *** Delete File: gone.py
            *** Update File: changed.py
            @@
            -1
            +2
            *** Update File: from.py
            *** Move to: to.py
            @@
            -1
            +one
            *** Add File: new/file.py
            +1
            +2
            """
        ),
    )
    assert applied == Applied(
        writes={"changed.py": b"2\n", "to.py": b"one\n2\n", "new/file.py": b"1\n2\n"},
        deletes=("gone.py", "from.py"),
        changes=(
            Change(path="gone.py", kind="delete", removed=1),
            Change(path="changed.py", kind="update", added=1, removed=1),
            Change(path="from.py", kind="delete", removed=2),
            Change(path="to.py", kind="add", added=2),
            Change(path="new/file.py", kind="add", added=2),
        ),
        summary="Success. Updated the following files:\nA new/file.py\nM changed.py\nM to.py\nD gone.py\n",
        moves=(("from.py", "to.py"),),
    )


def test_reads_names_every_path_once() -> None:
    text = patch("*** Update File: a\n*** Move to: b\n@@\n-1\n+2\n*** Update File: b\n@@\n-2\n+3\n*** Add File: c\n+1")
    assert parse(text).reads == ("a", "b", "c")


def test_counts_are_those_of_a_diff() -> None:
    applied = apply_to({"a": b"1\n2\n3\n"}, patch("*** Update File: a\n@@\n-1\n-2\n-3\n+1\n+two\n+3\n+4"))
    assert applied.changes == (Change(path="a", kind="update", added=2, removed=1),)


def test_a_patch_that_changes_nothing_says_so() -> None:
    applied = apply_to({"a": b"1\n"}, patch("*** Update File: a\n@@\n-1\n+1"))
    assert (applied.writes, applied.changes) == ({}, ())
    assert applied.notes == ("a is as it was: the new lines equal the old ones",)


@pytest.mark.parametrize(
    ("body", "gist"),
    [
        ("", "No files were modified."),
        ("*** Update File: missing\n@@\n-1\n+2", "Failed to read file to update missing: there is no such file"),
        ("*** Delete File: missing", "Failed to delete file missing: there is no such file"),
        ("*** Update File: a\n@@ def g():\n-1\n+2", "Failed to find context 'def g():' in a"),
        ("*** Update File: a\n@@\n-9\n-8\n+2", "Failed to find expected lines in a:\n9\n8\n"),
        ("*** Update File: a\n@@\n-2\n+3\n@@\n-1\n+0", "Failed to find expected lines in a:\n1\n"),
        ("*** Add File: a/b\n+1", "'a/b' cannot be written: 'a' is a file, not a directory"),
    ],
)
def test_what_does_not_fit_is_refused(body: str, gist: str) -> None:
    text = patch(body)
    read = parse(text).reads
    with pytest.raises(PatchError) as refused:
        apply(parse(text), {path: {"a": b"1\n2\n"}.get(path) for path in (*read, "a")})
    assert gist in str(refused.value)


@pytest.mark.parametrize("body", ["*** Delete File: d", "*** Add File: d\n+1", "*** Update File: a\n*** Move to: d"])
def test_a_directory_is_not_a_file(body: str) -> None:
    with pytest.raises(PatchError, match="'d' is a directory"):
        apply(parse(patch(body)), {"d": None, "a": b"1\n"}, directories={"d"})


def test_a_failing_second_file_leaves_the_first_untouched() -> None:
    body = "*** Update File: a\n@@\n-1\n+2\n*** Add File: c\n+c\n*** Update File: b\n@@\n-nothing like it\n+2"
    with pytest.raises(PatchError) as refused:
        apply_to({"a": b"1\n", "b": b"1\n"}, patch(body))
    assert str(refused.value).endswith("Nothing was changed.")


@pytest.mark.parametrize(
    "body",
    [
        "*** Add File: a\n+1\n*** Add File: a\n+2",
        "*** Delete File: a\n*** Delete File: ./a",
        "*** Update File: a\n@@\n-1\n+2\n*** Delete File: a",
        "*** Delete File: a\n*** Update File: a\n@@\n-1\n+2",
        "*** Add File: a\n+1\n*** Update File: b\n*** Move to: a",
        "*** Update File: b\n*** Move to: a\n*** Update File: a\n*** Move to: b",
    ],
)
def test_hunks_that_contradict_each_other_are_refused(body: str) -> None:
    with pytest.raises(PatchError, match="multiple operations target a"):
        parse(patch(body))


def test_an_addition_after_a_move_away_takes_the_free_path() -> None:
    body = "*** Update File: a\n*** Move to: b\n*** Add File: a\n+new"
    assert files_after({"a": b"old\n"}, patch(body)) == {"a": b"new\n", "b": b"old\n"}
