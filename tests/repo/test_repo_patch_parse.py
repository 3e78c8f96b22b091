"""What is read, what is refused and where."""

import lark
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.repo.patch import (
    APPLY_PATCH_GRAMMAR,
    APPLY_PATCH_HELP,
    AddFile,
    Chunk,
    DeleteFile,
    Patch,
    PatchError,
    PatchLine,
    UpdateFile,
    apply,
    parse,
    render,
)

WHOLE = """\
*** Begin Patch
*** Update File: src/calc.py
@@ def area(r):
-    return 3 * r * r
+    return math.pi * r * r
@@
-if __name__ == "__main__":
-    main()
*** End of File
*** Update File: a b.txt
*** Move to: c d.txt
@@
 kept
{blank}
+added
*** Add File: tests/test_calc.py
+from calc import area
+
*** Delete File: old/calc_v1.py
*** End Patch
""".replace("{blank}", " ")


def test_a_whole_patch_is_read() -> None:
    assert parse(WHOLE) == Patch(
        (
            UpdateFile(
                "src/calc.py",
                (
                    Chunk(
                        (PatchLine("-", "    return 3 * r * r"), PatchLine("+", "    return math.pi * r * r")),
                        ("def area(r):",),
                        line=3,
                    ),
                    Chunk(
                        (PatchLine("-", 'if __name__ == "__main__":'), PatchLine("-", "    main()")),
                        end_of_file=True,
                        line=6,
                    ),
                ),
            ),
            UpdateFile(
                "a b.txt",
                (Chunk((PatchLine(" ", "kept"), PatchLine(" ", ""), PatchLine("+", "added")), line=12),),
                "c d.txt",
            ),
            AddFile("tests/test_calc.py", ("from calc import area", "")),
            DeleteFile("old/calc_v1.py"),
        )
    )


def test_render_is_the_inverse() -> None:
    assert render(parse(WHOLE).hunks) == WHOLE


@pytest.mark.parametrize(
    ("text", "line", "gist"),
    [
        ("", 1, "The first line of the patch must be '*** Begin Patch'"),
        ("diff --git a/x b/x", 1, "The first line of the patch must be '*** Begin Patch'"),
        ("*** Begin Patch", 1, "The last line of the patch must be '*** End Patch'"),
        ("*** Begin Patch\n*** Delete File: a", 2, "The last line of the patch must be '*** End Patch'"),
        (
            "*** Begin Patch\n*** Remove File: a\n*** End Patch",
            2,
            "'*** Remove File: a' is not a valid hunk header. Valid hunk headers: '*** Add File: {path}', "
            "'*** Delete File: {path}', '*** Update File: {path}'",
        ),
        ("*** Begin Patch\n*** Add File: a\n+1\nplain\n*** End Patch", 4, "'plain' is not a valid hunk header"),
        ("*** Begin Patch\n*** Update File: p\n*** End Patch", 2, "Update file hunk for path 'p' is empty"),
        ("*** Begin Patch\n*** Update File: p\n@@\n*** End Patch", 3, "Update hunk does not contain any lines"),
        (
            "*** Begin Patch\n*** Update File: p\n@@ a\n@@\n-1\n*** End Patch",
            3,
            "Update hunk does not contain any lines",
        ),
        ("*** Begin Patch\n*** Update File: p\n-1\nplain\n*** End Patch", 4, "Unexpected line found in update hunk"),
        ("*** Begin Patch\n*** Update File: p\n-1\n*** Rename: x\n*** End Patch", 4, "is not a valid hunk header"),
        (
            "*** Begin Patch\n*** Update File: p\n-1\n*** End of File\n-2\n*** End Patch",
            5,
            "after '*** End of File' a chunk must start with '@@'",
        ),
        (
            "*** Begin Patch\n*** Delete File: a\n*** End Patch\n*** Begin Patch\n*** Delete File: b\n*** End Patch",
            3,
            "nothing may follow '*** End Patch'",
        ),
        ("*** Begin Patch\n*** Delete File:  \n*** End Patch", 2, "a path is missing after '*** Delete File:'"),
        ("*** Begin Patch\n*** Add File: a\n+\ud800\n*** End Patch", 3, "half of a surrogate pair"),
    ],
)
def test_what_cannot_be_read_names_the_line(text: str, line: int, gist: str) -> None:
    with pytest.raises(PatchError) as refused:
        parse(text)
    assert (refused.value.line, str(refused.value).startswith(f"Invalid patch, line {line}: ")) == (line, True)
    assert gist in str(refused.value)


@pytest.mark.parametrize(
    ("path", "root", "cwd", "expected"),
    [
        ("a.py", "", "", "a.py"),
        ("./a//b/../c.py", "", "", "a/c.py"),
        ("../a.py", "", "pkg/sub", "pkg/a.py"),
        ("a.py", "/repo", "/repo/pkg", "pkg/a.py"),
        ("/repo/pkg/a.py", "/repo", "other", "pkg/a.py"),
        ("/repo/pkg/a.py", "/repo/", "", "pkg/a.py"),
        (".gitignore", "", "", ".gitignore"),
        (".github/x.yml", "", "", ".github/x.yml"),
        ("café/a b.py", "", "", "café/a b.py"),
    ],
)
def test_paths_are_taken_from_the_root(path: str, root: str, cwd: str, expected: str) -> None:
    text = f"*** Begin Patch\n*** Delete File: {path}\n*** End Patch"
    assert parse(text, root=root, cwd=cwd).reads == (expected,)


@pytest.mark.parametrize(
    ("path", "gist"),
    [
        ("/etc/passwd", "is outside the repository"),
        ("/repository/a", "is outside the repository"),
        ("/repo/../etc/passwd", "is outside the repository"),
        ("../a", "is outside the repository"),
        ("a/../../b", "is outside the repository"),
        (".git/config", "is inside .git"),
        ("sub/.GIT/hooks/pre-commit", "is inside .git"),
        ("a/../.git/config", "is inside .git"),
        ("git~1/config", "is inside .git"),
        ("dir/", "is a directory"),
        (".", "is a directory"),
        ("/repo", "is the root of the repository"),
        ("a\0b", "names no file"),
    ],
)
def test_paths_outside_and_in_git_are_refused(path: str, gist: str) -> None:
    for header in ("*** Delete File: ", "*** Add File: ", "*** Update File: a.py\n*** Move to: "):
        with pytest.raises(PatchError, match=gist):
            parse(f"*** Begin Patch\n{header}{path}\n*** End Patch", root="/repo")


def test_an_absolute_path_needs_a_root() -> None:
    with pytest.raises(PatchError, match="is absolute; write it relative to the repository's root"):
        parse("*** Begin Patch\n*** Delete File: /repo/a\n*** End Patch")


PIECES = st.sampled_from(
    [
        "*** Begin Patch",
        "*** End Patch",
        "*** Add File: a",
        "*** Update File: a",
        "*** Update File: ../b",
        "*** Delete File: c",
        "*** Move to: d",
        "*** End of File",
        "*** Environment ID: x",
        "@@",
        "@@ x",
        "+x",
        "-x",
        " x",
        "",
        " ",
        "<<EOF",
        "EOF",
        "```",
        "\r",
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES | st.text(max_size=5), max_size=12).map("\n".join)))
def test_reading_raises_nothing_but_patch_errors(text: str) -> None:
    for wrapped in (text, f"*** Begin Patch\n{text}\n*** End Patch"):
        try:
            patch = parse(wrapped)
            applied = apply(patch, {path: b"x\n\ny\n" if path != "d" else None for path in patch.reads})
        except PatchError as error:
            assert str(error).encode()
        else:
            assert applied.summary.startswith("Success. Updated the following files:\n")


@pytest.mark.parametrize("parser", ["lalr", "earley"])
def test_the_grammar_takes_what_parse_takes(parser: str) -> None:
    grammar = lark.Lark(APPLY_PATCH_GRAMMAR, parser=parser)
    tree = grammar.parse(WHOLE)
    assert len(list(tree.find_data("operation"))) == len(parse(WHOLE).hunks)
    for wrong in ("*** Begin Patch\n*** End Patch", WHOLE.replace("+added", "added"), WHOLE + "x"):
        with pytest.raises(lark.exceptions.UnexpectedInput):
            grammar.parse(wrong)


def test_the_help_is_short_and_its_example_is_a_patch() -> None:
    example = APPLY_PATCH_HELP[APPLY_PATCH_HELP.index("*** Begin") : APPLY_PATCH_HELP.index("*** End Patch") + 13]
    assert parse(example).reads == ("a.py", "b.py", "c.py")
    assert len(APPLY_PATCH_HELP) <= 520  # characters; 500 were 134 tokens of Qwen's
