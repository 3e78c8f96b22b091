"""unittest, node, vitest, jest, mocha, cargo and unknown commands as checks."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journeyman.checks.run import PROBE
from journeyman.core.evidence import CheckRun, Outcome

Outcomes = Callable[[CheckRun], dict[str, Outcome]]

UNITTEST = """
import unittest


class First(unittest.TestCase):
    def test_ok(self):
        pass

    def test_wrong(self):
        self.assertEqual(1, 2)

    def test_raises(self):
        raise KeyError("key")

    def test_loop(self):
        while True:
            try:
                pass
            except Exception:
                pass

    def test_parts(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertNotEqual(number, 1)

    @unittest.skip("later")
    def test_skipped(self):
        pass

    @unittest.expectedFailure
    def test_expected(self):
        self.fail()


class Second(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise RuntimeError("no database")

    def test_never(self):
        pass
"""


async def test_unittest_is_read_per_test(project: Any, outcomes_of: Outcomes) -> None:
    project.write({"tests/__init__.py": "", "tests/test_u.py": UNITTEST, "tests/test_v.py": "import nowhere\n"})
    run = await project.check("python3 -m unittest", test_seconds=1.0)
    assert outcomes_of(run) == {
        "tests.test_u.First.test_ok": "passed",
        "tests.test_u.First.test_wrong": "failed",
        "tests.test_u.First.test_raises": "error",
        "tests.test_u.First.test_loop": "failed",
        "tests.test_u.First.test_parts": "failed",
        "tests.test_u.First.test_skipped": "skipped",
        "tests.test_u.First.test_expected": "skipped",
        "tests.test_u.Second": "error",
        "tests.test_u.Second.test_never": "skipped",
        "tests.test_v": "error",
    }
    messages = {test.id: test.message for test in run.tests}
    assert messages["tests.test_u.First.test_loop"].startswith("endless: still running after ")
    assert "AssertionError: 1 != 2" in messages["tests.test_u.First.test_wrong"]
    assert "(number=1)" in messages["tests.test_u.First.test_parts"]
    assert "journeyman" not in "".join(messages.values())
    assert run.exit_code == 1
    assert "FAILED (failures=2, errors=4, skipped=1, expected failures=1)" in project.output


async def test_unittest_runs_only_the_named_tests(project: Any, outcomes_of: Outcomes) -> None:
    project.write({"test_u.py": UNITTEST})
    run = await project.check("python3 -m unittest -q", only=("test_u.First.test_ok", "test_u.First.test_skipped"))
    assert outcomes_of(run) == {"test_u.First.test_ok": "passed", "test_u.First.test_skipped": "skipped"}
    assert run.exit_code == 0
    assert "Ran 2 tests" in project.output


async def test_unittest_that_cannot_load_our_runner_runs_as_it_is(project: Any) -> None:
    project.write(
        {"test_u.py": "import unittest\n\nclass T(unittest.TestCase):\n    def test_t(self):\n        pass\n"}
    )
    run = await project.check("python3 -E -m unittest")
    assert (run.exit_code, run.tests) == (0, ())
    assert "Ran 1 test in" in project.output


NODE = """
const { test, describe, it } = require('node:test');
const assert = require('node:assert');

test('adds', () => assert.strictEqual(1 + 1, 2));
describe('group', () => {
  it('fails', () => assert.strictEqual(1, 2));
  it('waits', { skip: true }, () => {});
});
test('parent', async (t) => {
  await t.test('child', () => {});
});
test('later', { todo: true }, () => assert.fail());
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
async def test_node_is_read_per_test_and_stays_readable(project: Any, outcomes_of: Outcomes) -> None:
    project.write(
        {
            "a.test.js": NODE,
            "b.test.mjs": "import test from 'node:test';\ntest('loop', () => { for (;;); });\n",
            "c.test.js": "throw new Error('cannot load');\n",
        }
    )
    run = await project.check("node --test", test_seconds=2.0)
    assert outcomes_of(run) == {
        "a.test.js::adds": "passed",
        "a.test.js::group::fails": "failed",
        "a.test.js::group::waits": "skipped",
        "a.test.js::parent::child": "passed",
        "a.test.js::parent": "passed",
        "a.test.js::later": "skipped",
        "b.test.mjs": "failed",
        "c.test.js": "failed",
    }
    messages = {test.id: test.message for test in run.tests}
    assert "1 !== 2" in messages["a.test.js::group::fails"]
    assert messages["b.test.mjs"].startswith("endless: still running after 2 s")
    assert "Error: cannot load" in messages["c.test.js"]
    assert run.exit_code == 1
    assert "✔ adds" in project.output


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
async def test_node_runs_only_the_files_of_the_named_tests(project: Any, outcomes_of: Outcomes) -> None:
    project.write({"a.test.js": NODE, "b.test.js": "require('node:test').test('other', () => {});\n"})
    run = await project.check("node --test", only=("b.test.js::other",))
    assert (run.exit_code, outcomes_of(run)) == (0, {"b.test.js::other": "passed"})


WEB = Path(__file__).parents[2] / "web" / "node_modules"
VITEST = """
import { describe, expect, test } from 'vitest';

test('adds', () => expect(1 + 1).toBe(2));
describe('group', () => {
  test('fails', () => expect(1).toBe(2));
  test.skip('waits', () => {});
});
"""


@pytest.mark.skipif(not (WEB / "vitest").exists(), reason="vitest is there where the web app is built")
async def test_vitest_is_read_per_test_and_stays_readable(project: Any, outcomes_of: Outcomes) -> None:
    scripts = '{"type": "module", "scripts": {"test": "vitest run"}}'
    project.write({"package.json": scripts, "a.test.js": VITEST, "b.test.js": "import './nothing.js';\n"})
    (project.root / "node_modules").symlink_to(WEB)
    run = await project.check("npm test", readable=(PROBE, WEB))
    assert outcomes_of(run) == {
        "a.test.js::adds": "passed",
        "a.test.js::group::fails": "failed",
        "a.test.js::group::waits": "skipped",
        "b.test.js": "error",
    }
    messages = {test.id: test.message for test in run.tests}
    assert "expected 1 to be 2" in messages["a.test.js::group::fails"]
    assert "nothing.js" in messages["b.test.js"]
    assert "Test Files" in project.output


JEST = """
const names = process.argv.filter((word) => word.startsWith('--reporters=')).map((word) => word.slice(12));
const { resolve } = require('node:path');
const one = (title, status, failureMessages = []) =>
  ({ ancestorTitles: ['group'], title, status, duration: 3, failureMessages });
const why = ['\\u001b[31mError: 1 is not 2'];
const results = [one('adds', 'passed'), one('fails', 'failed', why), one('waits', 'pending')];
console.log(names.map((name) => name.split('/').pop()).join(' '));
const reporter = new (require(names.at(-1)))();
reporter.onTestResult({ path: resolve('a.test.js') }, { testResults: results });
reporter.onTestResult({ path: resolve('b.test.js') }, { testResults: [], failureMessage: 'Cannot find module' });
reporter.onRunComplete([], { success: false });
process.exit(1);
"""
MOCHA = """
const required = process.argv.find((word) => word.startsWith('--require=')).slice(10);
const { beforeEach, afterEach } = require(required).mochaHooks;
for (const [title, err] of [['adds'], ['fails', new Error('1 is not 2')]]) {
  const currentTest = { file: require('node:path').resolve('a.spec.js'), titlePath: () => ['group', title] };
  beforeEach.call({ currentTest });
  afterEach.call({ currentTest: { ...currentTest, state: err ? 'failed' : 'passed', duration: 3, err } });
}
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
async def test_jest_and_mocha_are_read_per_test(project: Any, outcomes_of: Outcomes) -> None:
    """By stand-ins that call what they are told to load as the real ones do: these are not among what is installed."""
    project.write({"bin/jest.js": JEST, "bin/_mocha": MOCHA})
    run = await project.check("node bin/jest.js --ci")  # no runner is known by that: as `npm test` it is
    assert run.tests == ()
    project.write({"package.json": '{"scripts": {"test": "node bin/jest.js --ci", "test:old": "node bin/_mocha"}}'})
    run = await project.check("npm test")
    assert outcomes_of(run) == {
        "a.test.js::group::adds": "passed",
        "a.test.js::group::fails": "failed",
        "a.test.js::group::waits": "skipped",
        "b.test.js": "error",
    }
    assert [test.message for test in run.tests][1::2] == ["Error: 1 is not 2", "Cannot find module"]
    assert "default jest_reporter.cjs" in project.output
    run = await project.check("npm run test:old")
    assert outcomes_of(run) == {"a.spec.js::group::adds": "passed", "a.spec.js::group::fails": "failed"}


RUST = """
/// ```
/// assert_eq!(demo::add(1, 2), 3);
/// ```
pub fn add(a: i32, b: i32) -> i32 { a + b }

#[cfg(test)]
mod tests {
    #[test]
    fn right() { assert_eq!(super::add(1, 1), 2); }
    #[test]
    fn wrong() { println!("seen"); assert_eq!(super::add(1, 1), 3); }
    #[test]
    #[ignore]
    fn ignored() {}
    #[test]
    #[should_panic]
    fn panics() { panic!("as it should"); }
}
"""


@pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed")
async def test_cargo_is_read_per_test(project: Any, outcomes_of: Outcomes) -> None:
    project.write(
        {
            "Cargo.toml": '[package]\nname = "demo"\nversion = "0.1.0"\nedition = "2021"\n',
            "src/lib.rs": RUST,
            "tests/it.rs": "#[test]\nfn adds() { assert_eq!(demo::add(2, 2), 4); }\n",
        }
    )
    run = await project.check("cargo test --no-fail-fast")
    assert outcomes_of(run) == {
        "src/lib.rs::tests::right": "passed",
        "src/lib.rs::tests::wrong": "failed",
        "src/lib.rs::tests::ignored": "skipped",
        "src/lib.rs::tests::panics": "passed",
        "tests/it.rs::adds": "passed",
        "doc demo::src/lib.rs - add": "passed",
    }, project.output
    assert "seen" in run.failing[0].message
    assert "left: 2" in run.failing[0].message


async def test_a_command_that_nobody_knows_goes_by_its_exit(project: Any) -> None:
    project.write({"lint.sh": "echo to stdout; echo to stderr >&2; exit 3\n"})
    run = await project.check("bash lint.sh")
    assert (run.check.runner, run.exit_code, run.tests, run.cut) == (None, 3, (), None)
    assert project.output == "to stdout\nto stderr\n"


async def test_quotes_and_pipes_of_a_command_are_the_shells_business(project: Any) -> None:
    run = await project.check("""printf '%s|' "a b" 'c"d' $((1+1)) | cat && exit 4""")
    assert (run.exit_code, project.output) == (4, """a b|c"d|2|""")


async def test_a_command_that_does_not_end_is_cut(project: Any) -> None:
    run = await project.check("echo begun; sleep 60", timeout=1.0)
    assert (run.exit_code, run.cut, run.tests) == (None, "time", ())
    assert project.output == "begun\n"
