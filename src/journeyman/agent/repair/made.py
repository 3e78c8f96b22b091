"""A check that is made where none fails: of the examples in the request, in docstrings and in comments.

It is a command that a person can run as it is. So that many edits can be tried on it, the same examples are tests of
pytest too, in a file that only the throw-away layers get.
"""

import ast
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from journeyman.agent.repair.examples import (
    Example,
    agreed,
    examples_of,
    interactive,
    is_readable,
    statement,
    told_of,
)
from journeyman.agent.repair.inverse import TEXTS, round_trips
from journeyman.agent.repair.locate import is_source, locate
from journeyman.agent.repair.meant import body_of, speaks_of_tests
from journeyman.agent.repair.probe import Pytest, Ran, Record, Trial, run_trials
from journeyman.agent.repair.workspace import Files, evidence_of
from journeyman.agent.work import Work
from journeyman.core.events import Progressed
from journeyman.core.evidence import Check, CheckRun, TestResult
from journeyman.core.text import clip
from journeyman.sandbox.protocol import Sandbox

SECONDS = 10.0
"""How long the examples of one file may take."""

TEST_SECONDS = 2.0
"""How long one example may take where all are run on the base."""

_DOCTEST = re.compile(r"^\s*>>> ", re.MULTILINE)
_ASSERTS = re.compile(r"from [\w.]+ import \w+; assert [^\n]*$")
_IDENTIFIERS = re.compile(r"(?:[A-Za-z_]\w*/)*[A-Za-z_]\w*\.py")

_HEAD = """\
import sys

sys.path.insert(0, {root!r})
import doctest

import {module} as it


def documented(name):
    wanted = [test for test in doctest.DocTestFinder().find(it) if test.name == it.__name__ + name]
    said = []

    class Runner(doctest.DocTestRunner):
        def report_failure(self, out, test, example, got):
            said.append(example.source.strip() + " gives " + got.strip()[:200] + ", not " + example.want.strip()[:200])

        def report_unexpected_exception(self, out, test, example, info):
            said.append(example.source.strip() + " raises " + repr(info[1])[:200])

    for test in wanted:
        Runner(verbose=False).run(test, out=lambda text: None)
    assert not said, said[0]
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One test: its body in the file of tests, how a person would run it, and the function that an example calls."""

    body: str
    command: str
    source: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """The check's run on the base with its tests one by one, and the file of tests for the layers."""

    run: CheckRun
    path: str
    text: str

    async def laid(self, layers: Sequence[Sandbox], files: Files) -> Pytest:
        """Put the tests into the layers; how they are run there, whatever pytest's settings of the repository are."""
        for layer in layers:
            await layer.write(self.path, self.text.encode())
        files.paths.append(self.path)
        files.texts[self.path] = self.text
        return PLAIN


PLAIN = Pytest("python", ("-c", "/dev/null", "--rootdir", "."), {})


async def asked_for(work: Work, files: Files, failing: Sequence[CheckRun]) -> Made | None:
    """A check of the request's own examples, where the tests that fail have nothing to do with it; otherwise None.

    They have where the request speaks of tests, or where one of them names a function that the examples call.
    """
    prompt = work.start.prompt
    if speaks_of_tests(prompt):
        return None
    ids = [test.id for run in failing for test in run.failing]
    texts = [text for id in ids if (text := body_of(id, await files.get(id.split("::")[0])))]
    if not ids or len(texts) < len(ids):
        return None
    evidence = await evidence_of(files, prompt, None)
    for suspect in locate(evidence):
        path = suspect.path
        cases = cases_of(path, files.texts.get(path, ""), prompt, files.paths) if _IDENTIFIERS.fullmatch(path) else []
        own = [case for case in cases if case.source == "request"]
        if own and not any(re.search(rf"\b{case.name}\b", text) for case in own for text in texts):
            return await _run(work, files, path, own, beside=True)
    return None


async def made_check(work: Work, files: Files) -> Made | None:
    """A check of the examples of the first suspicious file some of whose examples fail; None when there is none."""
    evidence = await evidence_of(files, work.start.prompt, None)
    for suspect in locate(evidence):
        path, text = suspect.path, files.texts.get(suspect.path, "")
        if not is_source(path) or not _IDENTIFIERS.fullmatch(path):
            continue
        cases = cases_of(path, text, work.start.prompt, files.paths)
        if cases and (made := await _run(work, files, path, cases)) is not None:
            return made
    return None


def cases_of(path: str, text: str, prompt: str, paths: Sequence[str]) -> list[Case]:
    """The examples of a file: of the functions that the request names, or of all."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return []
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    words = set(re.findall(r"\w+", prompt))
    named = [node for node in functions if node.name in words]
    module, root = module_of(path, paths)
    texts = documentation(tree, text)
    cases: list[Case] = []
    asked = examples_of(prompt, [node.name for node in functions], request=True)
    tested = [name for name in ("", *(node.name for node in functions)) if _DOCTEST.search(texts.get(name, ""))]
    wanted = {node.name for node in named} or set(tested)
    readable = [name for name in tested if is_readable(texts[name])]
    whole = wanted.issuperset(tested) and "/" not in path and readable == tested
    cases += [_documented(name, path, module, root, whole=whole) for name in readable if name in wanted]
    told: list[Example] = []
    for node in named or functions:
        parameters = [argument.arg for argument in node.args.args][: len(node.args.args) - len(node.args.defaults)]
        # What stands behind `>>>` is doctest's, wherever it is.
        said = {key: _without_doctests(one) for key, one in texts.items()}
        found = [one for key in ("", node.name) for one in examples_of(said.get(key, ""), [node.name])]
        told += [*found, *told_of(said.get(node.name, ""), node.name, parameters)]
        if node.name in tested and node.name not in readable:
            told += interactive(ast.get_source_segment(text, node.body[0]) or "", [node.name])
    calls = {one.call for one in asked}
    cases += [_case(one, module, root, "request") for one in asked]
    cases += [_case(one, module, root, "docstring") for one in agreed(told) if one.call not in calls]
    if not cases:
        cases = [_round_trip(there, back, module, root) for there, back in round_trips(functions, texts, words)]
    return cases


def module_of(path: str, paths: Sequence[str]) -> tuple[str, str]:
    """The dotted name of a file's module, and the folder to import it from: the first that is no package."""
    *folders, name = path.removesuffix(".py").split("/")
    known, start = set(paths), len(folders)
    while start > 0 and "/".join([*folders[:start], "__init__.py"]) in known:
        start -= 1
    inner = [*folders[start:], *([] if name == "__init__" and start < len(folders) else [name])]
    return ".".join(inner), "/".join(folders[:start])


def documentation(tree: ast.Module, text: str) -> dict[str, str]:
    """What is written about each function, in its docstring and in the comment above it; by "" that of the module."""
    rows = text.split("\n")
    loose = [node.value for node in tree.body if isinstance(node, ast.Expr)]
    texts = [one.value for one in loose if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    found = {"": "\n\n".join(texts)}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
        above: list[str] = []
        while first > 0 and rows[first - 1].lstrip().startswith("#"):
            first -= 1
            above.insert(0, rows[first].lstrip().lstrip("#"))
        found[node.name] = "\n".join([*above, "", ast.get_docstring(node) or ""])
    return found


def _without_doctests(text: str) -> str:
    """A text without its `>>>` examples: they and what they print go up to an empty line."""
    kept: list[str] = []
    inside = False
    for row in text.split("\n"):
        inside = row.lstrip().startswith(">>>") or (inside and bool(row.strip()))
        if not inside:
            kept.append(row)
    return "\n".join(kept)


def _documented(name: str, path: str, module: str, root: str, *, whole: bool) -> Case:
    """A docstring's `>>>` examples; where they are all that the module has, the command runs the `whole` of it."""
    wanted = f"{'.' + name if name else ''}"
    program = (
        f"import doctest, {module} as it; runner = doctest.DocTestRunner(); "
        f"[runner.run(test) for test in doctest.DocTestFinder().find(it) if test.name == it.__name__ + {wanted!r}]; "
        "raise SystemExit(runner.failures)"
    )
    command = f"python -m doctest {shlex.quote(path)}" if whole else _command(root, program)
    return Case(f"    documented({wanted!r})", command, "docstring")


def _case(example: Example, module: str, root: str, source: str) -> Case:
    if example.raises:
        program = (
            f"from {module} import {example.name}\ntry:\n    {example.call}\nexcept {example.expected}:\n    pass\n"
            f'else:\n    raise AssertionError("no {example.expected}")'
        )
        body = (
            f"    try:\n        it.{example.call}\n    except {example.expected}:\n        return\n"
            f"    assert False, {example.call + ' should raise ' + example.expected!r}"
        )
        return Case(body, _command(root, program), source, example.name)
    said = statement(example)
    body = (
        f"    got = it.{example.call}\n"
        f"    assert {said.replace(example.call, 'got', 1)}, "
        f"{clip(example.call, 200)!r} + ' gives ' + repr(got)[:200] + ', not ' + {clip(example.expected, 200)!r}"
    )
    command = _command(root, f"from {module} import {example.name}; assert {said}")
    return Case(body, command, source, example.name)


def _round_trip(there: str, back: str, module: str, root: str) -> Case:
    call = f"{back}({there}(text))"
    body = (
        f"    for text in {TEXTS!r}:\n        got = it.{back}(it.{there}(text))\n"
        f"        assert got == text, {call!r} + ' for text = ' + repr(text) + ' gives ' + repr(got)[:200]"
    )
    program = f"from {module} import {there}, {back}\nfor text in {TEXTS!r}:\n    assert {call} == text, text"
    return Case(body, _command(root, program), "docstring")


def _command(root: str, program: str) -> str:
    before = f"PYTHONPATH={shlex.quote(root)} " if root else ""
    return f"{before}python -c {shlex.quote(program)}"


def tests_of(path: str, cases: Sequence[Case], paths: Sequence[str]) -> str:
    """The file of tests."""
    module, root = module_of(path, paths)
    head = _HEAD.format(root=root or ".", module=module)
    return head + "".join(f"\n\ndef test_{number}():\n{case.body}\n" for number, case in enumerate(cases, 1))


async def _run(work: Work, files: Files, path: str, cases: Sequence[Case], *, beside: bool = False) -> Made | None:
    """Try the examples on the base; None when all hold, or none can be run."""
    name = _free(path, files.paths)
    async with work.layer() as layer:
        ran = await _outcomes(layer, name, tests_of(path, cases, files.paths))
        # What a request says that holds already is what is wrong, not what is wanted.
        kept = [
            (case, one)
            for case, one in zip(cases, ran, strict=True)
            if case.source != "request" or (one is not None and one.outcome != "passed")
        ]
        if ran.count(None) < len(ran) and all(one is not None and one.outcome == "passed" for _, one in kept):
            return None
        command = _joined(path, [case for case, _ in kept])
        source = "request" if any(case.source == "request" for case, _ in kept) else "docstring"
        check = Check(command=command, source=source, timeout=SECONDS)
        run = await work.run_check(layer, check, "base")
    if run.passed:
        return None
    where = "the request" if source == "request" else path
    before = "What fails has nothing to do with the request" if beside else "No check fails"
    await work.log.append(Progressed(text=f"{before}; the examples in {where} do, so they are the check."))
    known = [one for _, one in kept if one is not None]
    tests = tuple(_result(f"{name}::test_{number}", one) for number, one in enumerate(known, 1))
    usable = len(known) == len(kept)
    run = run.model_copy(update={"tests": tests if usable else ()})
    return Made(run, name, tests_of(path, [case for case, _ in kept], files.paths))


def _joined(path: str, cases: Sequence[Case]) -> str:
    """One command for all cases; assertions of one module go into one program."""
    commands = list(dict.fromkeys(case.command for case in cases))
    programs = [shlex.split(command) for command in commands]
    alike = [words for words in programs if words[-2] == "-c" and _ASSERTS.match(words[-1])]
    if len(alike) < 2:
        return " && ".join(commands)
    names: dict[str, None] = {}
    asserts: list[str] = []
    for words in alike:
        head, _, said = words[-1].partition("; assert ")
        names[head.removeprefix("from ").split(" import ", 1)[1]] = None
        asserts.append("assert " + said)
    module = alike[0][-1].removeprefix("from ").split(" import ", 1)[0]
    program = f"from {module} import {', '.join(names)}; {'; '.join(asserts)}"
    whole = shlex.join(alike[0][:-1]) + " " + shlex.quote(program)
    others = [command for command, words in zip(commands, programs, strict=True) if words not in alike]
    return " && ".join([*others, whole])


async def _outcomes(layer: Sandbox, name: str, text: str) -> list[Ran | None]:
    """What came of each test, in their order; None for those that pytest could not run."""
    await layer.write(name, text.encode())
    records: list[Record] = []
    count = text.count("\ndef test_")
    await run_trials(
        layer,
        PLAIN,
        {0: Trial({}, tuple(f"{name}::test_{number}" for number in range(1, count + 1)))},
        mark="@examples ",
        cpu=TEST_SECONDS,
        wall=2 * TEST_SECONDS,
        budget=SECONDS,
        on_record=records.append,
    )
    ran = {one.id: one for record in records for one in record.tests}
    return [ran.get(f"{name}::test_{number}") for number in range(1, count + 1)]


def _result(id: str, ran: Ran) -> TestResult:
    outcome = "passed" if ran.outcome == "passed" else "failed"
    message = f"endless after {ran.seconds:g} s" if ran.outcome == "endless" else ran.message
    return TestResult(id=id, outcome=outcome, seconds=ran.seconds, message=message)


def _free(path: str, paths: Sequence[str]) -> str:
    stem = path.rsplit("/", 1)[-1].removesuffix(".py").strip("_")
    name, number = f"test_examples_of_{stem}.py", 1
    while name in paths:
        name, number = f"test_examples_of_{stem}_{number}.py", number + 1
    return name
