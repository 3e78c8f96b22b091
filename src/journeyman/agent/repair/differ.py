"""On what edits differ that pass all that is tested: they are run on inputs like the tested ones, and compared."""

import ast
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from journeyman.agent.repair.candidates import Candidate
from journeyman.agent.repair.examples import examples_of
from journeyman.agent.repair.inputs import inputs_of
from journeyman.agent.repair.language import functions_of
from journeyman.agent.repair.made import PLAIN, module_of
from journeyman.agent.repair.probe import Record, Trial, run_trials
from journeyman.agent.repair.validate import ProbeTrials, side_by_side
from journeyman.sandbox.protocol import Sandbox

CPU, BUDGET = 5.0, 10.0
"""Seconds for one edit on all inputs."""

EACH = 0.05
"""Seconds for one input."""

NOTHING, NO_END, RAISES = (f"{zlib.crc32(text) & 0xFFFF:04x}" for text in (b"", b"no end", b"!"))
"""The marks of an input that was not tried, and of one for which nothing is given."""

_DOCUMENTED = (ast.Module, ast.FunctionDef, ast.ClassDef)
FILE = "test_what_differs.py"

_PROGRAM = """\
import itertools
import signal
import sys
import zlib

sys.path.insert(0, {root!r})
import {module} as it


class Endless(BaseException):
    pass


def cut(number, frame):
    raise Endless


def plain(value, depth=0):
    if isinstance(value, (int, float)):
        return "%.9g" % value
    if isinstance(value, (list, tuple)) and depth < 8:
        return str(len(value)) + "[" + ",".join(plain(one, depth + 1) for one in value) + "]"
    if isinstance(value, (set, frozenset)):
        return "set" + plain(sorted(value, key=repr), depth + 1)
    if hasattr(value, "__next__"):
        return "each" + plain(list(itertools.islice(value, 50)), depth + 1)
    return repr(value)


def given(text):
    signal.setitimer(signal.ITIMER_VIRTUAL, {each})
    try:
        value = eval("it.{name}(" + text + ")")
        return repr(value), plain(value)
    except Endless:
        return "no end", "no end"
    except Exception as error:
        return type(error).__name__, "!"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def test_all():
    signal.signal(signal.SIGVTALRM, cut)
    out = []
    for text in {inputs!r}:
        late = sum(one[1] == "no end" for one in out) > 2
        out.append(("", "") if late else given(text))
    if {readable}:
        assert False, "=" + "\\x1f".join(one[:150] for one, _ in out)
    assert False, "=" + " ".join("%04x" % (zlib.crc32(two.encode("utf-8", "replace")) & 0xFFFF) for _, two in out)
"""


@dataclass(frozen=True, slots=True)
class Split:
    """An input on which edits differ, and what each of them gives there, in their order, in words."""

    call: str
    gives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What edits give for `inputs` of the function `name`: a row of marks for each of them."""

    path: str
    name: str
    inputs: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def classes(self) -> list[list[int]]:
        """Places of edits that give the same throughout, in the order of their first ones."""
        found: dict[tuple[str, ...], list[int]] = {}
        for place, row in enumerate(self.rows):
            found.setdefault(row, []).append(place)
        return list(found.values())

    def splitting(self, places: Sequence[int], most: int = 3) -> list[int]:
        """Inputs on which those of `places` differ, first those that part them most evenly, then the nearest to what
        is tested."""
        uneven: list[tuple[int, int, int]] = []
        for at in range(len(self.inputs)):
            counts = Counter(self.rows[place][at] for place in places)
            if len(counts) > 1:
                uneven.append((-len(counts), max(counts.values()), at))
        return [at for _, _, at in sorted(uneven)][:most]


def fails_more(known: Behaviour) -> int | None:
    """The first input for which the first edit gives nothing, and the second something; None when there is none."""
    bad = (RAISES, NO_END)
    pairs = enumerate(zip(*known.rows[:2], strict=True))
    return next((at for at, (one, two) in pairs if one in bad and two not in (*bad, NOTHING)), None)


def changed_function(candidates: Sequence[Candidate]) -> str | None:
    """The name of the one function of a module in which all candidates differ from what was; None when it is not so.

    One of them may be the code as it was.
    """
    names: set[str] = set()
    for one in candidates:
        if one.text == one.before:
            continue
        if one.path != candidates[0].path or not one.path.endswith(".py"):
            return None
        before, after = one.before.split("\n"), one.text.split("\n")
        start = next((at for at, (x, y) in enumerate(zip(before, after, strict=False)) if x != y), len(before))
        functions = functions_of(one.path, one.text)
        holding = [name for name, lines in functions.items() if start + 1 in lines]
        if not holding:
            return None
        names.add(min(holding, key=len))
    name = names.pop() if len(names) == 1 else ""
    return name if name.isidentifier() else None


async def behaviour(
    trials: ProbeTrials, candidates: Sequence[Candidate], tests: Sequence[str], paths: Sequence[str]
) -> Behaviour | None:
    """What the candidates give for inputs like those of the tests (their files' texts); None when that cannot be found
    out."""
    name = changed_function(candidates)
    if name is None:
        return None
    path = candidates[0].path
    calls = literal_calls(name, [candidates[0].before, *tests]) or await _calls(trials, candidates[0], name)
    inputs = tuple(inputs_of(calls, _numbers(candidates[0].before)))
    if not inputs:
        return None
    said = await _run(trials, candidates, name, inputs, paths, readable=False)
    rows = [tuple(one.split(" ")) if one else () for one in said]
    if any(len(row) != len(inputs) for row in rows):
        return None
    return Behaviour(path, name, inputs, tuple(rows))


def literal_calls(name: str, texts: Sequence[str]) -> list[str]:
    """The arguments of calls of a function in tests and in docstring examples, where they are literals."""
    found: dict[str, None] = {}
    for text in texts:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            continue
        documented = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, _DOCUMENTED)]
        for example in examples_of("\n".join(documented), [name]):
            found.setdefault(example.arguments)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                found.setdefault(ast.unparse(node).partition("(")[2][:-1])
    return list(found)


async def gives_for(
    trials: ProbeTrials, candidates: Sequence[Candidate], known: Behaviour, at: int, paths: Sequence[str]
) -> Split | None:
    """What each candidate gives for one input, to be read."""
    said = await _run(trials, candidates, known.name, (known.inputs[at],), paths, readable=True)
    return Split(f"{known.name}({known.inputs[at]})", tuple(said)) if all(said) else None


async def _calls(trials: ProbeTrials, candidate: Candidate, name: str) -> list[str]:
    """The arguments with which the tests call a function."""
    records: list[Record] = []
    trial = Trial({candidate.path: candidate.text}, trials.tests(), watch=(candidate.path, name))
    await run_trials(
        trials.layers[0],
        trials.pytest,
        {trials.taken(): trial},
        mark=trials.mark,
        cpu=CPU,
        wall=2 * CPU,
        budget=BUDGET,
        on_record=records.append,
    )
    return [call for record in records for call in record.calls]


async def _run(
    trials: ProbeTrials,
    candidates: Sequence[Candidate],
    name: str,
    inputs: Sequence[str],
    paths: Sequence[str],
    *,
    readable: bool,
) -> list[str]:
    """What the program says of each candidate; empty where it says nothing."""
    path, said = candidates[0].path, dict[int, str]()
    module, root = module_of(path, paths)
    program = _PROGRAM.format(
        root=root or ".", module=module, name=name, each=EACH, inputs=list(inputs), readable=readable
    )
    numbers = {trials.taken(): one for one in candidates}

    def on_record(record: Record) -> None:
        for test in record.tests:
            _, sign, text = test.message.partition("=")
            said[record.number] = text.split("\nassert", 1)[0] if sign else ""

    async def tried(layer: Sandbox, part: Sequence[int]) -> None:
        await layer.write(FILE, program.encode())
        await run_trials(
            layer,
            PLAIN,
            {number: Trial({path: numbers[number].text}, (f"{FILE}::test_all",), stop=True) for number in part},
            mark=trials.mark,
            cpu=CPU,
            wall=2 * CPU,
            budget=BUDGET,
            on_record=on_record,
        )
        await layer.remove(FILE)

    await side_by_side(trials.layers, list(numbers), tried)
    return [said.get(number, "") for number in numbers]


def _numbers(text: str) -> list[float]:
    """Whole numbers that stand in the code."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return []
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return list(dict.fromkeys(value for value in values if type(value) is int))
