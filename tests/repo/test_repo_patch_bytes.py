"""What stays of a file: its line endings, its own context, its invalid bytes, its indentation."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.repo.patch import AddFile, Chunk, PatchLine, UpdateFile, apply, parse, render
from journeyman.repo.patch.document import Document
from journeyman.repo.patch.parse import Sign


def after(data: bytes, *body: str) -> bytes:
    lines = "\n".join(body)
    patch = parse(f"*** Begin Patch\n*** Update File: f\n{lines}\n*** End Patch")
    return apply(patch, {"f": data}).writes["f"]


@pytest.mark.parametrize(
    ("before", "body", "expected"),
    [
        (b"1\r\n2\r\n3\r\n", ["@@", " 1", "-2", "+two", "+and"], b"1\r\ntwo\r\nand\r\n3\r\n"),
        (b"1\r\n2\r\n", ["@@", "+3"], b"1\r\n2\r\n3\r\n"),
        (b"1\r\n2\n3\r\n", ["@@", " 1", "-2", "+two"], b"1\r\ntwo\n3\r\n"),
        (b"1\r\n2\n3\n", ["@@", " 1", "+new", " 2"], b"1\r\nnew\r\n2\n3\n"),
        (b"1\n2\r\n", ["@@", "+0", " 1"], b"0\n1\n2\r\n"),
        (b"1\r\n2\n3\n", ["@@", "-1", "-2", "+A", "+B", "+C"], b"A\r\nB\nC\n3\n"),
        (b"1\n2", ["@@", "-1", "+one"], b"one\n2"),
        (b"1\n2", ["@@", "-1", "+one", " 2"], b"one\n2"),
        (b"1\n2", ["@@", "-2", "+two"], b"1\ntwo\n"),
        (b"1\n2", ["@@", "+3"], b"1\n2\n3\n"),
        (b"1\r\n2", ["@@", " 2", "+3"], b"1\r\n2\r\n3\r\n"),
        (b"1\n2", ["@@", "-2"], b"1\n"),
        (b"1", ["@@", "-1"], b""),
        (b"1\n", ["@@", "-1"], b""),
        (b"\xef\xbb\xbfone\ntwo\n", ["@@", "-one", "+1"], b"\xef\xbb\xbf1\ntwo\n"),
        (b"a\rb\n2\n", ["@@", "-2", "+3"], b"a\rb\n3\n"),
        (b"a\x0cb\x1c\xc2\x85\n2\n", ["@@", "-2", "+3"], b"a\x0cb\x1c\xc2\x85\n3\n"),
        (b"1  \n2\n", ["@@", " 1", "-2", "+3"], b"1  \n3\n"),
        (b"\xff\xfe\n2\n\xe9t\xe9\n", ["@@", "-2", "+3"], b"\xff\xfe\n3\n\xe9t\xe9\n"),
        (b"\xe9t\xe9\n2\n", ["@@", " \\xe9t\\xe9", "-2", "+3"], b"\xe9t\xe9\n3\n"),
        (b"\0\1\n2\n", ["@@", "-2", "+3"], b"\0\1\n3\n"),
    ],
)
def test_the_rest_of_the_file_keeps_its_bytes(before: bytes, body: list[str], expected: bytes) -> None:
    assert after(before, *body) == expected


def test_a_new_file_over_one_with_crlf_has_crlf() -> None:
    patch = parse("*** Begin Patch\n*** Add File: f\n+1\n+2\n*** End Patch")
    assert apply(patch, {"f": b"a\r\nb\r\n"}).writes == {"f": b"1\r\n2\r\n"}
    assert apply(patch, {"f": b"a\r\nb\n"}).writes == {"f": b"1\n2\n"}


@pytest.mark.parametrize(
    ("before", "body", "expected"),
    [
        pytest.param(
            b"class A:\n    def f(self):\n        return 1\n",
            ["@@", " def f(self):", "-    return 1", "+    if self:", "+        return 2"],
            b"class A:\n    def f(self):\n        if self:\n            return 2\n",
            id="the file is deeper",
        ),
        pytest.param(
            b"def f():\n    return 1\n",
            ["@@", "     def f():", "-        return 1", "+        return 2", "+", "+    # end"],
            b"def f():\n    return 2\n\n# end\n",
            id="the file is shallower",
        ),
        pytest.param(
            b"if x:\n\tif y:\n\t\treturn 1\n",
            ["@@", "     if y:", "-        return 1", "+        if z:", "+            return 2"],
            b"if x:\n\tif y:\n\t\tif z:\n\t\t\treturn 2\n",
            id="tabs in the file",
        ),
        pytest.param(
            b"if x:\n    if y:\n        return 1\n",
            ["@@", " \tif y:", "-\t\treturn 1", "+\t\treturn 2"],
            b"if x:\n    if y:\n        return 2\n",
            id="tabs in the patch",
        ),
        pytest.param(
            b"if x:\n  if y:\n    return 1\n",
            ["@@", " if x:", "     if y:", "-        return 1", "+        return 2"],
            b"if x:\n  if y:\n    return 2\n",
            id="two blanks in the file, four in the patch",
        ),
        pytest.param(
            b"a\n  b\n      c\n",
            ["@@", " a", "    b", "-     c", "+     d"],
            b"a\n  b\n     d\n",
            id="no one difference: as given",
        ),
        pytest.param(
            b"def f():\n    return 1\n",
            ["@@", "     def f():", "-        return 1", "+        return 2", "+x = 1"],
            b"def f():\n        return 2\nx = 1\n",
            id="an addition that cannot be moved left: all as given",
        ),
        pytest.param(
            b"def f():\n    return 1\n",
            ["@@", " def f():", "-    return 1", "+        return 2"],
            b"def f():\n        return 2\n",
            id="an exact match is never touched",
        ),
    ],
)
def test_additions_are_indented_like_the_file(before: bytes, body: list[str], expected: bytes) -> None:
    assert after(before, *body) == expected


def test_notes_say_what_matched_only_loosely() -> None:
    patch = parse("*** Begin Patch\n*** Update File: f\n@@\n-return 1\n+return 2\n@@\n-a - b\n+a\n*** End Patch")
    assert apply(patch, {"f": "  return 1\na \u2014 b\n".encode()}).notes == (
        "f line 1: the lines matched but for indentation; the added lines were indented like the file",
        "f line 2: the lines matched but for typographic characters; kept lines have the file's own",
    )


@given(st.binary())
def test_a_document_is_its_bytes(data: bytes) -> None:
    assert Document.of(data).data == data


SIGNS: list[Sign] = [" ", "-", "+"]
LINE = st.text(st.sampled_from("ab \t{}\u2013\x0c\udce9"), max_size=4)


@st.composite
def edits(draw: st.DrawFn) -> tuple[bytes, list[Chunk], bytes]:
    """A file with any line endings, chunks that tile it whole, and the file that they must give."""
    end = draw(st.sampled_from(["\n", "\r\n"]))
    before, expected = "", ""
    body: list[PatchLine] = []
    for sign, text in draw(st.lists(st.tuples(st.sampled_from(SIGNS), LINE), max_size=14)):
        body.append(PatchLine(sign, text))
        before += text + end if sign != "+" else ""
        expected += text + end if sign != "-" else ""
    if not body:
        body, before, expected = [PatchLine(" ", "x")], "x" + end, "x" + end
    if before == "":
        expected = expected.replace("\r\n", "\n")  # an empty file has no line endings to follow
    chunk = Chunk(tuple(body))
    return before.encode("utf-8", "surrogateescape"), [chunk], expected.encode("utf-8", "surrogateescape")


@given(edits())
def test_any_edit_of_a_whole_file_gives_exactly_the_expected_bytes(case: tuple[bytes, list[Chunk], bytes]) -> None:
    before, chunks, expected = case
    patch = parse(render([UpdateFile("f", tuple(chunks))]))
    assert apply(patch, {"f": before}).writes.get("f", before) == expected


LINES = st.lists(st.tuples(st.sampled_from(["", "  ", "\t"]), st.sampled_from(["\n", "\r\n"])), min_size=1, max_size=20)
STEPS = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3), st.integers(0, 3)), max_size=4)


@st.composite
def scattered(draw: st.DrawFn) -> tuple[bytes, list[Chunk], bytes]:
    """A file of distinct lines with a line ending each, changed in several places with a little context."""
    drawn = draw(LINES)
    texts = [f"{blanks}line {number}" for number, (blanks, _) in enumerate(drawn)]
    ends = [end for _, end in drawn]
    if draw(st.booleans()):
        ends[-1] = ""
    usual = "\r\n" if ends.count("\r\n") > ends.count("\n") else "\n"
    chunks: list[Chunk] = []
    expected: list[tuple[str, str]] = []
    at = 0
    for skipped, removed, added in draw(STEPS):
        first, last = at + skipped, min(at + skipped + removed, len(texts))
        if first >= last:
            break
        expected += zip(texts[at:first], ends[at:first], strict=True)
        new = [f"new {first} {number}" for number in range(added)]
        context = texts[max(at, first - 1) : first]
        lines: list[tuple[Sign, list[str]]] = [(" ", context), ("-", texts[first:last]), ("+", new)]
        chunks.append(Chunk(tuple(PatchLine(sign, text) for sign, part in lines for text in part)))
        expected += [(text, ends[min(first + number, last - 1)] or usual) for number, text in enumerate(new)]
        at = last
    expected += zip(texts[at:], ends[at:], strict=True)
    whole = [line + (end or usual) for line, end in expected[:-1]] + ["".join(pair) for pair in expected[-1:]]
    return "".join(map("".join, zip(texts, ends, strict=True))).encode(), chunks, "".join(whole).encode()


@given(scattered())
@settings(max_examples=200)
def test_scattered_edits_keep_every_other_line_and_its_ending(case: tuple[bytes, list[Chunk], bytes]) -> None:
    before, chunks, expected = case
    if chunks:
        patch = parse(render([UpdateFile("f", tuple(chunks))]))
        assert apply(patch, {"f": before}).writes.get("f", before) == expected


@given(st.lists(LINE.map(lambda text: text.replace("\r", ""))))
def test_a_new_file_has_the_lines_of_the_patch(lines: list[str]) -> None:
    patch = parse(render([AddFile("f", tuple(lines))]))
    data = "".join(line + "\n" for line in lines).encode("utf-8", "surrogateescape")
    assert apply(patch, {"f": None}).writes == {"f": data}
