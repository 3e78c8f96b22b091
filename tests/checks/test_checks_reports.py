"""Reading reports that hostile code may have written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.checks.reports import read_cargo, read_go, read_junit, read_stream
from journeyman.core.evidence import TestResult

JUNIT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" tests="5">
<testcase classname="tests.test_a" name="test_plain" file="tests/test_a.py" line="3" time="0.001"/>
<testcase classname="tests.test_a.TestX.TestY" name="test_deep[a/b.c]" file="tests/test_a.py" time="0.5">
<failure message="assert 1 == 2">def test_deep():
&gt;   assert 1 == 2</failure></testcase>
<testcase classname="tests.test_b.TestChild" name="test_inherited" file="tests/base.py" time="0.1"/>
<testcase classname="tests.test_c" name="test_skip" time="0">
<skipped type="pytest.skip" message="why">x.py:3: why</skipped></testcase>
<testcase classname="tests.test_d" name="test_twice" time="0"><failure message="a">body</failure></testcase>
<testcase classname="tests.test_d" name="test_twice" time="0"><error message="b">teardown</error></testcase>
</testsuite></testsuites>
"""


def test_junit_gives_pytests_own_ids() -> None:
    assert read_junit(JUNIT.encode()) == (
        TestResult(id="tests/test_a.py::test_plain", outcome="passed", seconds=0.001),
        TestResult(
            id="tests/test_a.py::TestX::TestY::test_deep[a/b.c]",
            outcome="failed",
            seconds=0.5,
            message="def test_deep():\n>   assert 1 == 2",
        ),
        TestResult(id="tests/test_b.py::TestChild::test_inherited", outcome="passed", seconds=0.1),
        TestResult(id="tests/test_c.py::test_skip", outcome="skipped", message="why\nx.py:3: why"),
        TestResult(id="tests/test_d.py::test_twice", outcome="error", message="teardown"),
    )


ENTITIES = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>
<testsuite><testcase classname="t" name="&b;&c;"/></testsuite>
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
def test_a_document_type_is_refused_in_any_encoding(encoding: str) -> None:
    assert read_junit(ENTITIES.encode(encoding)) == ()


def test_a_declared_encoding_has_no_say() -> None:
    hidden = ENTITIES.replace('version="1.0"', 'version="1.0" encoding="utf-7"').encode("utf-7")
    assert read_junit(hidden) == ()


def test_a_cut_report_gives_what_was_there() -> None:
    cut = JUNIT[: JUNIT.index('<testcase classname="tests.test_c"')]
    assert [test.id for test in read_junit(cut.encode())] == [
        "tests/test_a.py::test_plain",
        "tests/test_a.py::TestX::TestY::test_deep[a/b.c]",
        "tests/test_b.py::TestChild::test_inherited",
    ]


def test_depth_and_size_are_no_matter() -> None:
    deep = "<a>" * 200_000 + "</a>" * 200_000
    assert read_junit(deep.encode()) == ()
    long = f'<testsuite><testcase classname="t" name="n"><failure>{"x" * 1_000_000}</failure></testcase></testsuite>'
    (test,) = read_junit(long.encode())
    assert (test.id, len(test.message) <= 8_000) == ("t.py::n", True)


def test_the_stream_tells_finished_running_and_not_run() -> None:
    lines = [
        {"collected": ["a", "b", "c"]},
        {"start": "a"},
        {"id": "a", "outcome": "failed", "seconds": 1.5, "message": "\x1b[31mred\x1b[0m"},
        {"start": "b"},
    ]
    report = read_stream("\n".join(json.dumps(line) for line in lines).encode() + b'\n{"id": "c", "outc')
    assert report.ended is False
    assert report.results("gone") == (
        TestResult(id="a", outcome="failed", seconds=1.5, message="red"),
        TestResult(id="b", outcome="failed", message="gone"),
        TestResult(id="c", outcome="skipped", message="not run"),
    )


@pytest.mark.parametrize(
    "line",
    [
        b"null",
        b"[]",
        b"[" * 100_000,
        b'{"id": 3, "outcome": "passed"}',
        b'{"id": "a", "outcome": "great"}',
        b"\xff",
        b'{"start": []}',
    ],
)
def test_lines_that_are_not_the_probes_are_passed_over(line: bytes) -> None:
    report = read_stream(line + b'\n{"id": "ok", "outcome": "passed", "seconds": "soon", "message": 3}\n')
    assert report.results("") == (TestResult(id="ok", outcome="passed"),)


@given(st.binary(max_size=300))
def test_no_bytes_break_a_reader(data: bytes) -> None:
    assert isinstance(read_junit(data), tuple)
    assert isinstance(read_cargo(data), tuple)
    assert isinstance(read_go(data), tuple)
    assert isinstance(read_stream(data).results(""), tuple)


GO = b"""=== RUN   TestAdd
--- PASS: TestAdd (0.00s)
=== RUN   TestTable
=== RUN   TestTable/zero
=== RUN   TestTable/one
    add_test.go:14: got 2, want 1
--- FAIL: TestTable (0.01s)
    --- PASS: TestTable/zero (0.00s)
    --- FAIL: TestTable/one (0.01s)
=== RUN   TestLater
    add_test.go:20: later
--- SKIP: TestLater (0.00s)
FAIL
FAIL\texample.com/demo/add\t0.012s
=== RUN   TestOther
--- PASS: TestOther (0.00s)
PASS
ok  \texample.com/demo/other\t0.003s
?   \texample.com/demo/none\t[no test files]
FAIL\texample.com/demo/broken [build failed]
FAIL
"""


def test_go_is_read_per_package() -> None:
    assert read_go(GO) == (
        TestResult(id="example.com/demo/add::TestAdd", outcome="passed"),
        TestResult(id="example.com/demo/add::TestTable", outcome="failed", seconds=0.01),
        TestResult(id="example.com/demo/add::TestTable/zero", outcome="passed"),
        TestResult(
            id="example.com/demo/add::TestTable/one",
            outcome="failed",
            seconds=0.01,
            message="add_test.go:14: got 2, want 1",
        ),
        TestResult(id="example.com/demo/add::TestLater", outcome="skipped"),
        TestResult(id="example.com/demo/other::TestOther", outcome="passed"),
        TestResult(
            id="example.com/demo/broken",
            outcome="error",
            message="FAIL\texample.com/demo/broken [build failed]",
        ),
    )
