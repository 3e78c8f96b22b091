"""JavaScript: single mutations, functions, forms of programs; and trials in real sandboxes."""

import shutil
import subprocess
from pathlib import Path

import pytest
from test_agent_repair_strategy import candidates, changed, scripted_requests, working

from journeyman.agent.repair import repair
from journeyman.agent.repair.candidates import Candidate, Verdict
from journeyman.agent.repair.coverage import covered, executed
from journeyman.agent.repair.guards import AGAIN
from journeyman.agent.repair.javascript import form, functions_of
from journeyman.agent.repair.javascript_examples import check_of, examples_of
from journeyman.agent.repair.locate import Evidence, locate
from journeyman.agent.repair.mutate_javascript import mutations
from journeyman.agent.repair.node import NodeTrials, options_of
from journeyman.agent.repair.prompts import documented, headed, splice, whole
from journeyman.agent.repair.validate import goal_of
from journeyman.core.events import Progressed
from journeyman.core.evidence import Check

SLIPS = {
    "boundary": ("const f = (n) => {\n  return n > 1;\n}\n", "n > 1", "n >= 1"),
    "equality": ("const f = (n) => {\n  if (n < 0) return 1;\n  return 0;\n}\n", "n < 0", "n == 0"),
    "number": ("function f(a) {\n  return a[0];\n}\n", "a[0]", "a[1]"),
    "step": ("function f(a) {\n  return a.length;\n}\n", "a.length", "a.length - 1"),
    "operator": ("function f(a, b) {\n  return a - b;\n}\n", "a - b", "a + b"),
    "grouping": ("function f(a, b) {\n  return a - b / 2;\n}\n", "a - b / 2", "(a - b) / 2"),
    "wrapped": ("function f(a, b) {\n  return a - b;\n}\n", "a - b", "Math.abs(a - b)"),
    "arguments": ("function f(a, b) {\n  return g(a, b);\n}\n", "g(a, b)", "g(b, a)"),
    "receiver": ("const f = (a, b) => {\n  return a.indexOf(b);\n}\n", "a.indexOf(b)", "b.indexOf(a)"),
    "method": ("const f = (a) => {\n  a.push(1);\n}\n", "push", "unshift"),
    "lower case": ("const f = (a) => {\n  return new Set(a);\n}\n", "Set(a)", "Set(a.toLowerCase())"),
    "variable": ("function f(a, b) {\n  let c = a;\n  return c + b;\n}\n", "c + b", "a + b"),
    "negation": ("function f(a) {\n  if (!a) return 1;\n}\n", "!a", "a"),
    "and": ("function f(a, b) {\n  return a && b;\n}\n", "a && b", "a || b"),
    "literal": ("function f() {\n  return true;\n}\n", "true", "false"),
    "branches": ("const f = (a) => {\n  return a ? 1 : 2;\n}\n", "1 : 2", "2 : 1"),
    "augmented": ("function f(t, x) {\n  t += x;\n  return t;\n}\n", "t += x", "t -= x"),
    "deletion": ("function f(a) {\n  a.sort();\n  return a;\n}\n", "  a.sort();\n", "  \n"),
    "insertion": ("function f(a) {\n  let b = a;\n  return b;\n}\n", "let b = a;", "let b = a;\n  b.pop();"),
    "return value": ("function f(a, b) {\n  return b;\n}\n", "return b", "return a"),
    "comparator": ("const f = (a) => {\n  return a.sort();\n}\n", "sort()", "sort((a, b) => a - b)"),
    "yes or no": ("const f = (a) => {\n  a.sort((x, y) => x > y);\n}\n", "x > y", "x - y"),
    "by a part": (
        "const f = (a) => {\n  g(a[0].size);\n  return a.sort((x, y) => x - y);\n}\n",
        "x - y",
        "x.size - y.size",
    ),
    "assigned": ("function f(a, b) {\n  if (a = b) return 1;\n}\n", "a = b", "a === b"),
    "strict": ("function f(a) {\n  return a == 0;\n}\n", "==", "==="),
    "nullish": ("function f(a) {\n  return a || 1;\n}\n", "||", "??"),
    "rounded": ("function f(a) {\n  return a / 2;\n}\n", "a / 2", "Math.ceil(a / 2)"),
    "spread": ("function f(a) {\n  return Math.max(a);\n}\n", "max(a)", "max(...a)"),
    "spread of an element": ("function f(a, b) {\n  return [a, ...b];\n}\n", "...b", "b"),
    "copy": ("function f(a, b) {\n  b.push(a);\n}\n", "push(a)", "push([...a])"),
    "own copy": ("function f(a) {\n  return a.sort();\n}\n", "a.sort()", "[...a].sort()"),
    "wait": ("async function f(a) {\n  const b = g(a);\n  return b;\n}\n", "= g(a)", "= await g(a)"),
    "return": ("const f = (a) => a.map((x) => {\n  x + 1;\n});\n", "x + 1;", "return x + 1;"),
    "of": ("function f(a) {\n  for (const x in a) g(x);\n}\n", " in ", " of "),
    "hidden": (
        "function f(a) {\n  let t = 0;\n  for (const x of a) {\n    let t = t + x;\n  }\n  return t;\n}\n",
        "    let t = t",
        "    t = t",
    ),
    "base": ("function f(a) {\n  return parseInt(a);\n}\n", "(a);", "(a, 10);"),
    "first value": ("const f = (a) => {\n  return a.reduce((x, y) => x + y);\n}\n", "+ y)", "+ y, 0)"),
    "shared rows": (
        "function f(n) {\n  return new Array(n).fill([]);\n}\n",
        "new Array(n).fill([])",
        "Array.from({ length: n }, () => [])",
    ),
    "flags": ("function f(s) {\n  return s.replace(/a/, 'b');\n}\n", "/a/", "/a/g"),
    "not a number": ("function f(a) {\n  return a === NaN;\n}\n", "a === NaN", "Number.isNaN(a)"),
    "found at": ("function f(a) {\n  if (a.indexOf(1)) return 1;\n}\n", "a.indexOf(1)", "a.indexOf(1) !== -1"),
    "indices": ("function f(g, i, j) {\n  return g[i][j];\n}\n", "g[i][j]", "g[j][i]"),
    "elements": ("function f(a, b) {\n  return [a, b];\n}\n", "[a, b]", "[b, a]"),
    "property": ("function f(a, b) {\n  g(b.low);\n  return a.high;\n}\n", "a.high", "a.low"),
    "of this": ("class C {\n  f(a) {\n    this.a = a;\n    return a;\n  }\n}\n", "return a", "return this.a"),
    "prefix": ("function f(a) {\n  let i = 0;\n  return g(i++);\n}\n", "i++", "++i"),
    "fall through": (
        "function f(a) {\n  switch (a) {\n    case 1:\n      g();\n    case 2:\n      h();\n  }\n}\n",
        "      g();\n",
        "      g();\n      break;\n",
    ),
    "too deep": (
        "function f(a) {\n  for (const x of a) {\n    g(x);\n    return 1;\n  }\n}\n",
        "    return 1;\n  }\n",
        "  }\n  return 1;\n",
    ),
    "else": (
        "function f(a) {\n  if (a > 1) {\n    g();\n  }\n  if (a > 0) {\n    h();\n  }\n}\n",
        "  if (a > 0)",
        "  else if (a > 0)",
    ),
    "else if": ("function f(a) {\n  if (a) g();\n  else if (b) h();\n}\n", "else if (b) h()", "else h()"),
    "element": ("function f(a) {\n  return [[1, 2], [2, 1], [1, 1]];\n}\n", ", [1, 1]", ""),
    "base case": ("function f(a) {\n  return a[0];\n}\n", "  return a[0]", "  if (!a) return null;\n  return a[0]"),
    "answers": (
        "function f(a) {\n  if (a) return false;\n  return true;\n}\n",
        "return false;\n  return true",
        "return true;\n  return false",
    ),
    "own function": ("function g(a) {\n  return a;\n}\nfunction f(a) {\n  return h(a);\n}\n", "h(a)", "g(a)"),
    "parameters": ("const f = (a) => {\n  a.forEach((i, x) => g(i, x));\n}\n", "(i, x) =>", "(x, i) =>"),
    "string and number": ("const f = (a, b) => {\n  return a + b;\n}\n", "a + b", "Number(a) + Number(b)"),
    "part": (
        "function f(s) {\n  let i = 0;\n  while (g(s)) i++;\n  return i;\n}\n",
        "g(s)",
        "g(s.slice(i))",
    ),
}


@pytest.mark.parametrize("kind", SLIPS)
def test_a_slip_is_among_the_mutations(kind: str) -> None:
    text, wrong, right = SLIPS[kind]
    assert form(text.replace(wrong, right, 1)) in {form(mutation.apply(text)) for mutation in mutations(text)}


PEEL = """\
const peel = (rows, top, end) => {
  while (rows.length && top <= end) {
    for (const row of rows) out(row);
    end--;
    for (const row of rows) {
      out(row);
    }
    top += 1;
  }
};
"""


def test_what_a_loop_asks_may_have_to_be_asked_again() -> None:
    """Where it was changed since, and not before."""
    found = {form(mutation.apply(PEEL)): mutation.weight for mutation in mutations(PEEL) if mutation.kind == "guarded"}
    after = "    for (const row of rows) {\n      out(row);\n    }\n"
    for block in (after, after + "    top += 1;\n"):
        assert found[form(PEEL.replace(block, f"if (top <= end) {{\n{block}}}\n"))] == AGAIN
    before = "    for (const row of rows) out(row);\n"
    assert found.get(form(PEEL.replace(before, f"if (top <= end) {{\n{before}}}\n")), 0.0) < AGAIN


def test_most_mutations_are_programs() -> None:
    for text, _, _ in SLIPS.values():
        after = [form(mutation.apply(text)) for mutation in mutations(text)]
        assert len([one for one in after if one is None]) <= len(after) / 5


def test_only_the_lines_asked_for_change_and_other_alphabets_do_not_shift_them() -> None:
    text = "// é中\nfunction f(a) {\n  return 'ü' + a;\n}\n\nfunction g(b) {\n  return b - 1;\n}\n"
    found = mutations(text, [range(6, 9)])
    assert found
    assert all(mutation.apply(text).startswith(text[: text.index("function g")]) for mutation in found)
    assert text.replace("b - 1", "b + 1") in [mutation.apply(text) for mutation in found]


def test_forms_forget_layout_and_comments_and_know_what_does_not_parse() -> None:
    assert form("let a = 1; // one\n") == form("let a   =\n 1\n")
    assert form("let a = 'b  c'") != form("let a = 'b c'")
    assert form("let a = (;") is None


def test_functions_have_the_names_that_they_are_bound_to() -> None:
    text = (
        "const a = () => {\n  return 1;\n};\nfunction b() {}\nclass C {\n  d() {}\n}\n"
        "module.exports.e = function () {};\n"
    )
    assert {name: (lines.start, lines.stop) for name, lines in functions_of(text).items()} == {
        "a": (1, 4),
        "b": (4, 5),
        "d": (6, 7),
        "module.exports.e": (8, 9),
    }


DOUBLED = """\
const { two } = require('./two');

// Doubles.
// >>> f(2)

const f = (n) => {
  return n + two;
};

/** Halves. */
function half(n) {
  return n;
}

const bare = (n) => {
  return n;
};

module.exports = { f, half };
"""


def test_what_a_comment_says_is_the_head_of_a_function() -> None:
    subjects = documented("a.js", DOUBLED, ["half", "bare", "f"])
    heads = [headed(subject) for subject in subjects]
    assert heads == [DOUBLED[: DOUBLED.index("  return n;\n}\n\nconst")], DOUBLED[: DOUBLED.index("  return n + two")]]


@pytest.mark.parametrize("end", ["", "\n}", "\n};\n", "\n};\n\n// Tests\nconsole.log(f(2));\n"])
def test_what_is_written_anew_takes_the_place_of_the_function_alone(end: str) -> None:
    [subject] = documented("a.js", DOUBLED, ["f"])
    body = "  return n * two;"
    assert splice(subject, f"{headed(subject)}{body}{end}") == DOUBLED.replace("  return n + two;", body)
    assert splice(subject, "const g = (n) => {\n  return 1;\n};\n") is None
    assert splice(subject, f"{headed(subject)}  return (n;") is None


def test_what_a_file_exports_stays_where_the_answer_leaves_it_out() -> None:
    subject = whole("a.js", DOUBLED)
    bare, exports = DOUBLED.replace("n + two", "2 * n").split("module.exports")
    for answer in (bare, bare.rstrip(), f"{bare}module.exports{exports}"):
        assert splice(subject, answer) == f"{bare}module.exports{exports}"
    assert splice(subject, bare + "exports.g = f;") == bare + "exports.g = f;\n"


NODE = Check(command="node --test", source="AGENTS.md", runner="node", timeout=60.0)
system_node = pytest.mark.skipif(
    not str(Path(shutil.which("node") or "").resolve()).startswith("/usr"), reason="node is not one of the system's"
)


def sum_of(body: str) -> dict[str, str]:
    return {
        "total.js": f"const total = (xs) => {{\n  let t = 0;\n{body}  return t;\n}}\n\nmodule.exports = {{ total }}\n",
        "total.test.js": (
            "const test = require('node:test');\nconst assert = require('node:assert');\n"
            "const { total } = require('./total');\n"
            "test('none', () => assert.strictEqual(total([]), 0));\n"
            "test('one', () => assert.strictEqual(total([5]), 5));\n"
            "test('more', () => assert.strictEqual(total([1, 2, 4]), 7));\n"
            "test('negative', () => assert.strictEqual(total([-3, 1]), -2));\n"
        ),
    }


@system_node
async def test_a_slip_is_repaired_without_the_model(tmp_path: Path) -> None:
    files = sum_of("  for (let i = 0; i <= xs.length; i++) {\n    t += xs[i];\n  }\n")
    async with working(tmp_path, files, [], prompt="`total` is wrong", checks=(NODE,)) as work:
        stop = await repair(work)
        assert stop.message.startswith("Repaired total.js")
        assert await changed(work) == {"total.js": files["total.js"].replace("i <= xs", "i < xs")}
        assert scripted_requests(work) == 0


TWO = {
    "pair.js": (
        "const one = (a) => {\n  return a - 1;\n};\n\nconst two = (a) => {\n  if (a > 5) {\n    return 0;\n  }\n"
        "  return a - 2;\n};\n\nmodule.exports = { one, two };\n"
    ),
    "pair.test.js": (
        "const test = require('node:test');\nconst assert = require('node:assert');\n"
        "const { two } = require('./pair');\ntest('two', () => assert.strictEqual(two(4), 6));\n"
    ),
}


@system_node
async def test_lines_that_a_failing_test_executes_are_known(tmp_path: Path) -> None:
    async with working(tmp_path, TWO, [], prompt="", checks=(NODE,)) as work, work.layer() as layer:
        goal = goal_of(await work.run_check(layer, NODE, "base"))
        evidence = Evidence("", list(TWO), TWO, ["pair.test.js"])
        found = await covered(layer, goal, evidence)
        assert found.covered == {"pair.test.js": {"pair.js": [5, 6, 9, 10]}}
        assert list(locate(found)[0].functions) == ["two"]


def test_reports_that_are_none_say_nothing() -> None:
    for report in (b"", b"nonsense", b"[]", b'{"result": 3}', b'{"result": [3, {"url": "file:///w/pair.js"}]}'):
        assert executed(report, TWO) == {}


WAITS = {
    "later.js": "const later = async (n) => {\n  return n - 1;\n};\n\nmodule.exports = { later };\n",
    "later.test.js": (
        "const test = require('node:test');\nconst assert = require('node:assert');\n"
        "const { later } = require('./later');\n"
        "test('waits', async () => {\n"
        "  await new Promise((done) => setTimeout(done, 600));\n  assert.strictEqual(await later(1), 2);\n});\n"
        "test('zero', async () => assert.strictEqual(await later(-1), -2));\n"
    ),
}


@system_node
async def test_what_waits_is_not_endless_and_what_loops_is(tmp_path: Path) -> None:
    async with working(tmp_path, WAITS, [], prompt="", checks=(NODE,)) as work, work.layer() as layer:
        goal = goal_of(await work.run_check(layer, NODE, "base"))
        trials = NodeTrials(goal, ("later.test.js",), [layer], "@mark ")
        text = WAITS["later.js"]
        assert await trials.sees_failure("later.js", text)
        verdicts: dict[str, Verdict] = {}
        edits = {"n + 1": text.replace("n - 1", "n + 1"), "loop": text.replace("return n - 1", "while (true) {}")}
        await trials.run(
            [Candidate("later.js", text, edit, name) for name, edit in edits.items()],
            0.08,
            lambda candidate, verdict: verdicts.update({candidate.source: verdict}),
        )
        assert {name: verdict.outcome for name, verdict in verdicts.items()} == {
            "n + 1": "no_better",
            "loop": "endless",
        }
        assert (verdicts["n + 1"].fixed, verdicts["n + 1"].broken) == (1, 1)
        assert verdicts["loop"].hasty


def test_what_node_is_told_to_load_is_told_to_the_runner_too() -> None:
    assert options_of("node --import ./hook.mjs --test --test-reporter=spec test/") == ("--import", "./hook.mjs")
    assert options_of("FORCE=1 node --experimental-strip-types -r a.js --test") == (
        "--experimental-strip-types",
        "-r",
        "a.js",
    )
    assert options_of("npx mocha") == options_of("node 'broken") == ()


@system_node
async def test_an_endless_loop_costs_seconds(tmp_path: Path) -> None:
    files = sum_of("  let i = 0;\n  while (i < xs.length) {\n    t += xs[i];\n    i -= 1;\n  }\n")
    async with working(tmp_path, files, [], prompt="`total` never ends", checks=(NODE,)) as work:
        await repair(work)
        text = (await changed(work))["total.js"]
        assert form(text.replace("i += 1", "i -= 1")) == form(files["total.js"]) or "i++" in text
        assert any(event.outcome == "endless" for event in candidates(work))


COMMENTED = """/**
 * Adds.
 * @example
 * add(1, 2) // => 3
 * console.log(add(2, 2)); // 4
 * @example add("a", "b") === "ab"
 */
function add(a, b) {
  return a - b;
}

// `half(4)` returns `2`. half(8) -> 4.
// >>> half(0)
// 0
// half(null) throws a TypeError; half(other) is 3, half(6) is 3 of six
const half = (n) => n / 2;

module.exports = { add, half };
"""


def test_examples_in_comments_are_read() -> None:
    assert [(one.call, one.value) for one in examples_of(COMMENTED)] == [
        ("add(1, 2)", "3"),
        ("add(2, 2)", "4"),
        ('add("a", "b")', '"ab"'),
        ("half(4)", "2"),
        ("half(8)", "4"),
        ("half(0)", "0"),
        ("half(null)", None),
    ]
    assert examples_of("// f(process.exit(1)) => 3\n// f(2) => f\nfunction f(a) { return a; }\n") == []


LOOP = "  for (let i = 0; i <= xs.length; i++) {\n    t += xs[i];\n  }\n"


def commented(end: str) -> str:
    text = f"// sum([]) => 0, sum([5]) => 5\n// sum([1, 2]) => 3\n{sum_of(LOOP)['total.js']}"
    return text.replace("total", "sum").split("module.exports")[0] + end


@pytest.mark.parametrize(
    ("path", "end"),
    [("sum.js", "module.exports = { sum };"), ("one.js", "module.exports = sum"), ("sum.mjs", "export { sum };"),
     ("default.mjs", "export default sum;"), ("plain.js", "")],
)  # fmt: skip
@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_examples_in_comments_become_a_command(tmp_path: Path, path: str, end: str) -> None:
    for text, passes in ((commented(end), False), (commented(end).replace("i <=", "i <"), True)):
        (tmp_path / path).write_text(text)
        command = check_of(path, text)
        assert command is not None
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode == 0, "AssertionError" in done.stderr) == (passes, not passes)


@system_node
async def test_examples_in_comments_are_the_check_when_nothing_else_fails(tmp_path: Path) -> None:
    text = commented("module.exports = { sum };\n")
    async with working(tmp_path, {"sum.js": text}, [], prompt="`sum` is wrong", checks=()) as work:
        stop = await repair(work)
        assert await changed(work) == {"sum.js": text.replace("i <= xs", "i < xs")}
        said = [event.text for event in work.log.events if isinstance(event, Progressed)]
        assert "No check fails; the examples in the comments of sum.js do, so they are the check." in said
        assert "passes" in stop.message
