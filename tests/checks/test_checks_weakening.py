"""Edits that make tests demand less."""

from collections.abc import Mapping

import pytest

from journeyman.checks.counterfactual import changed_tests
from journeyman.checks.weakening import is_test_path, weakened
from journeyman.core.evidence import Change


async def sentences(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    def change(path: str) -> Change:
        return Change(path=path, kind="add" if path not in before else "delete" if path not in after else "update")

    async def get_before(path: str) -> bytes | None:
        return before[path].encode() if path in before else None

    async def get_after(path: str) -> bytes | None:
        return after[path].encode() if path in after else None

    changed = [change(path) for path in sorted({*before, *after}) if before.get(path) != after.get(path)]
    return await weakened(changed, get_before, get_after)


async def edited(old: str, new: str, path: str = "tests/test_a.py") -> tuple[str, ...]:
    return await sentences({path: old}, {path: new})


def body(*lines: str, decorators: str = "") -> str:
    return decorators + "def test_a():\n" + "".join(f"    {line}\n" for line in lines)


A = "tests/test_a.py: `test_a` "


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("assert f() == 2", "assert f()", "asserts less than before (`assert f() == 2` is now `assert f()`)."),
        (
            "assert f() == 2",
            "assert f() in (2, 3)",
            "asserts less than before (`assert f() == 2` is now `assert f() in (2, 3)`).",
        ),
        (
            "assert f() == 2",
            "assert f() is not None",
            "asserts less than before (`assert f() == 2` is now `assert f() is not None`).",
        ),
        (
            "assert f() == 2",
            "assert f() == 2 or True",
            "asserts nothing any more (`assert f() == 2` is now `assert f() == 2 or True`).",
        ),
        ("assert f() == 2", "assert True", "asserts nothing any more (`assert f() == 2` is now `assert True`)."),
        (
            "assert f() == 2",
            "assert f() == f()",
            "asserts nothing any more (`assert f() == 2` is now `assert f() == f()`).",
        ),
        (
            "assert f() == 2",
            "assert f() == 3",
            "expects something else than before (`assert f() == 2` is now `assert f() == 3`).",
        ),
        (
            "assert f() == 2.0",
            "assert f() == pytest.approx(2.0)",
            "asserts less than before (`assert f() == 2.0` is now `assert f() == pytest.approx(2.0)`).",
        ),
        (
            "assert f() == pytest.approx(2, rel=0.01)",
            "assert f() == pytest.approx(2, rel=0.5)",
            "tolerates more than before (`assert f() == pytest.approx(2, rel=0.01)` is now "
            "`assert f() == pytest.approx(2, rel=0.5)`).",
        ),
        (
            "self.assertAlmostEqual(f(), 2, 5)",
            "self.assertAlmostEqual(f(), 2, places=1)",
            "tolerates more than before (`self.assertAlmostEqual(f(), 2, 5)` is now "
            "`self.assertAlmostEqual(f(), 2, places=1)`).",
        ),
        (
            "self.assertEqual(f(), 2)",
            "self.assertTrue(f())",
            "asserts less than before (`self.assertEqual(f(), 2)` is now `self.assertTrue(f())`).",
        ),
        (
            "with pytest.raises(ValueError): f()",
            "with pytest.raises(Exception): f()",
            "accepts any exception now (`pytest.raises(ValueError)` is now `pytest.raises(Exception)`).",
        ),
        (
            "with pytest.raises(ValueError, match='x'): f()",
            "with pytest.raises(ValueError): f()",
            "no longer looks at the message of the exception (`pytest.raises(ValueError, match='x')` is now "
            "`pytest.raises(ValueError)`).",
        ),
        ("with pytest.raises(ValueError): f()", "f()", "has 1 assertion fewer: `pytest.raises(ValueError)`."),
        ("assert f() == 2", "f()", "has 1 assertion fewer: `assert f() == 2`."),
        ("mock.assert_called_once_with(3)", "pass", "has 1 assertion fewer: `mock.assert_called_once_with(3)`."),
        (
            "assert f() == 2",
            "pytest.skip('no')\n    assert f() == 2",
            "is skipped or expected to fail now (`pytest.skip('no')`).",
        ),
        ("assert f() == 2", "return\n    assert f() == 2", "returns before its assertions now."),
        (
            "assert f() == 2",
            "try:\n        assert f() == 2\n    except AssertionError:\n        pass",
            "swallows exceptions that it let through before.",
        ),
    ],
)
async def test_a_loosened_test_of_python(old: str, new: str, said: str) -> None:
    assert await edited(body(old), body(new)) == (A + said,)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("assert f() == 2", "assert f() == 2\n    assert g() == 3"),
        ("assert f()", "assert f() == 2"),
        ("assert f() in (2, 3)", "assert f() == 2"),
        ("assert f() == 2", "x = f()\n    assert f() == 2"),
        ("assert a == 1\n    assert b == 2", "assert b == 2\n    assert a == 1"),
        ("with pytest.raises(Exception): f()", "with pytest.raises(ValueError): f()"),
        ("assert f() == pytest.approx(2, rel=0.5)", "assert f() == pytest.approx(2, rel=0.01)"),
        ("assert f() == 2", "assert f() == 2  # twice one"),
    ],
)
async def test_a_test_that_demands_as_much_is_left_alone(old: str, new: str) -> None:
    assert await edited(body(old), body(new)) == ()


async def test_marks_and_parameters() -> None:
    cases = "@pytest.mark.parametrize('x', [{}])\n"
    old = body("assert x", decorators=cases.format("1, 2, 3"))
    new = body("assert x", decorators="@pytest.mark.skipif(True, reason='')\n" + cases.format("1"))
    assert await edited(old, new) == (
        A + "is skipped or expected to fail now (`@pytest.mark.skipif(True, reason='')`).",
        A + "has 2 cases fewer.",
    )
    assert await edited(body("assert 1 == f()"), "pytestmark = pytest.mark.skip\n" + body("assert 1 == f()")) == (
        "tests/test_a.py: tests are skipped now by `pytestmark = pytest.mark.skip`.",
    )
    classes = "class TestX:\n    def test_m(self):\n        assert 1 == f()\n"
    assert await edited(classes, "@unittest.skip('x')\n" + classes) == (
        "tests/test_a.py: tests are skipped now by `@unittest.skip('x') on TestX`.",
    )


async def test_removed_renamed_and_moved_tests() -> None:
    two = body("assert f() == 2") + "\n\ndef test_b():\n    assert g() == 1\n"
    assert await edited(two, body("assert f() == 2")) == ("tests/test_a.py: the test `test_b` was removed.",)
    assert await edited(two, two.replace("test_b", "test_better_name")) == ()
    assert await sentences({"tests/test_a.py": two}, {"tests/unit/test_a.py": two}) == ()
    assert await sentences({"tests/test_a.py": two}, {}) == ("tests/test_a.py was deleted, with 2 tests.",)
    assert await sentences({"tests/test_a.py": two}, {"tests/test_c.py": two.replace("== 1", "")}) == (
        "tests/test_a.py: `test_b` asserts less than before (`assert g() == 1` is now `assert g()`).",
    )
    assert await edited(two, "def test_a(:\n") == (
        "tests/test_a.py can no longer be parsed, so none of its 2 tests runs.",
    )


async def test_settings_that_decide_what_runs() -> None:
    before = {
        "pytest.ini": "[pytest]\naddopts = -q\n",
        "pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["tests"]\n[project]\nname = "x"\n',
        "tests/conftest.py": "import pytest\n",
        "package.json": '{"scripts": {"test": "jest", "build": "tsc"}}',
        "Makefile": "all:\n\tcc\n\ntest:\n\tpytest\n",
    }
    after = {
        "pytest.ini": "[pytest]\naddopts = -q --deselect tests/test_a.py::test_a\n",
        "pyproject.toml": '[tool.pytest.ini_options]\n[project]\nname = "y"\n',
        "tests/conftest.py": "collect_ignore = ['a.py']\n\ndef pytest_collection_modifyitems(items):\n    pass\n",
        "package.json": '{"scripts": {"test": "true", "build": "tsc -p ."}}',
        "Makefile": "all:\n\tgcc\n\ntest:\n\ttrue\n",
    }
    assert await sentences(before, after) == (
        "Makefile: what `make test` runs was changed.",
        "package.json: the test setting scripts.test was changed from `jest` to `true`.",
        "pyproject.toml: the test setting testpaths was removed (`['tests']`).",
        "pytest.ini: the test setting addopts was changed from `-q` to `-q --deselect tests/test_a.py::test_a`.",
        "tests/conftest.py: `collect_ignore`, which steers what pytest runs or reports, was added.",
        "tests/conftest.py: `pytest_collection_modifyitems`, which steers what pytest runs or reports, was added.",
    )


async def test_data_of_tests() -> None:
    assert await edited("[1, 2]", "[1, 3]", "tests/data/cases.json") == (
        "tests/data/cases.json, which belongs to the tests, was changed.",
    )
    assert await sentences({"tests/a.txt": "x"}, {}) == ("tests/a.txt, which belongs to the tests, was deleted.",)


JS = """test('adds', () => {
  assert.strictEqual(add(1, 1), 2);
});
it('takes', () => {
  expect(take()).toEqual(3);
});
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("test('adds'", "test.skip('adds'", ["a.test.js: tests are left out now by `test.skip`."]),
        ("it('takes'", "xit('takes'", [
            "a.test.js: the test `takes` was removed or renamed.",
            "a.test.js: tests are left out now by `xit(`.",
        ]),
        ("it('takes'", "it.only('takes'", ["a.test.js: tests are left out now by `it.only`."]),
        ("  assert.strictEqual(add(1, 1), 2);\n", "", ["a.test.js has 1 assertion fewer."]),
        ("  assert", "  // assert", ["a.test.js has 1 assertion fewer."]),
        ("assert.strictEqual(add(1, 1), 2)", "assert.ok(add(1, 1))", [
            "a.test.js: assertions that compare values were replaced by weaker ones."
        ]),
        ("'adds'", "'adds numbers'", []),
        ("it('takes'", "it('gives', () => { assert.equal(1, give()); });\nit('takes'", []),
    ],
)  # fmt: skip
async def test_javascript_by_its_text(old: str, new: str, said: list[str]) -> None:
    assert list(await edited(JS, JS.replace(old, new), "a.test.js")) == said


async def test_go_and_rust_by_their_text() -> None:
    go = 'func TestA(t *testing.T) {\n\tif f() != 2 {\n\t\tt.Errorf("no")\n\t}\n}\n'
    assert await edited(go, go.replace("\tif", "\tt.Skip()\n\tif"), "a_test.go") == (
        "a_test.go: tests are left out now by `t.Skip(`.",
    )
    rust = "#[test]\nfn adds() { assert_eq!(add(1, 1), 2); }\n"
    assert await edited(rust, rust.replace("#[test]", "#[test]\n#[ignore]"), "src/lib.rs") == (
        "src/lib.rs: tests are left out now by `#[ignore`.",
    )
    assert await edited(rust, "fn other() {}\n", "src/lib.rs") == (
        "src/lib.rs: the test `adds` was removed or renamed.",
        "src/lib.rs has 1 assertion fewer.",
    )


async def test_a_test_that_another_file_always_had_is_not_the_one_that_moved() -> None:
    two = body("assert f() == 2") + "\n\ndef test_b():\n    assert g() == 1\n"
    other = "def test_b():\n    assert h() == 1\n"
    before = {"tests/test_a.py": two, "tests/test_z.py": other}
    after = {"tests/test_a.py": body("assert f() == 2"), "tests/test_z.py": other + "\n\ndef test_c():\n    pass\n"}
    assert await sentences(before, after) == ("tests/test_a.py: the test `test_b` was removed.",)


HOSTILE = [
    "/*",
    "#[test",
    "it('",
    "\n",
    "test\n",
    "assert.",
    "(",
    "-",
    "a.a.",
    "@a\n",
    "def test_a():\n",
    "[pytest]\n",
    "é",
]


@pytest.mark.parametrize("path", ["tests/test_a.py", "a.test.js", "src/a.rs", "a_test.go", "Makefile", "pytest.ini"])
@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.timeout(120)
async def test_hostile_text_takes_no_time(path: str, text: str) -> None:
    assert isinstance(await edited(text * 100_000, text * 50_000, path), tuple)


async def test_code_that_is_no_test_is_not_looked_at() -> None:
    assert await edited("assert x == 2\n", "assert x\n", "app/core.py") == ()


@pytest.mark.parametrize(
    ("path", "is_test"),
    [
        ("tests/x.py", True),
        ("test_x.py", True),
        ("pkg/x_test.py", True),
        ("web/a.spec.ts", True),
        ("pkg/x_test.go", True),
        ("a/__tests__/b.js", True),
        ("contest.py", False),
        ("latest/x.py", False),
        ("src/testing.py", False),
    ],
)
def test_paths_of_tests(path: str, is_test: bool) -> None:
    assert is_test_path(path) is is_test
    assert changed_tests([Change(path=path, kind="update")]) == ((path,) if is_test else ())
    assert changed_tests([Change(path=path, kind="delete")]) == ()
