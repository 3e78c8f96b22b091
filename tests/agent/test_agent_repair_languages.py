"""Repair in languages without a parser: found by layout, changed by words and signs, tried by the check itself."""

import dataclasses
import shutil
from pathlib import Path

import pytest
from test_agent_repair_strategy import candidates, changed, working

from journeyman.agent.repair import repair, reproduce, validate
from journeyman.agent.repair.blocks import functions_of
from journeyman.agent.repair.candidates import Candidate
from journeyman.agent.repair.locate import imported
from journeyman.agent.repair.mutate_text import mutations
from journeyman.agent.repair.prompts import function, splice, subjects_of
from journeyman.core.evidence import Check

C = """#include "sum.h"

/* The sum of the first n of xs. */
int sum(const int *xs, int n) {
    int total = 0;
    for (int i = 0; i <= n; i++) {
        total += xs[i];
    }
    return total;
}

static int twice(int n)
{
    return 2 * n;
}
"""
GO = """package sum

// Max is the larger one.
func Max(a, b int) int {
\tif a < b {
\t\treturn a
\t}
\treturn b
}

func (s *Stack) Top() int { return s.items[len(s.items)-1] }

func (s *Stack) Pop() {
\ts.items = s.items[:len(s.items)-1]
}
"""
RUST = (
    "pub fn even(n: u32) -> bool {\n    n % 2 == 1\n}\n\n"
    "impl Thing {\n    pub fn size(&self) -> usize {\n        self.len\n    }\n}\n"
)
RUBY = "class Stack\n  def empty?\n    @items.size != 0\n  end\n\n  def top\n    @items.last\n  end\nend\n"
SHELL = 'count() {\n  i=0\n  while [ "$i" -le "$1" ]; do\n    i=$((i + 1))\n  done\n  echo "$i"\n}\n'
TYPED = """export function clamp(value: number, low: number, high: number): number {
  return Math.min(low, Math.max(value, high));
}

export class Range {
  constructor(private low: number) {}

  has(value: number): boolean {
    return value > this.low;
  }
}

export const last = <T>(items: T[]): T | undefined => {
  return items[items.length];
};
"""


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (C, {"sum": (4, 11), "twice": (12, 16)}),
        (GO, {"Max": (4, 10), "Pop": (13, 16)}),
        (RUST, {"even": (1, 4), "size": (6, 9)}),
        (RUBY, {"empty?": (2, 5), "top": (6, 9)}),
        (SHELL, {"count": (1, 8)}),
        (TYPED, {"clamp": (1, 4), "has": (8, 11), "last": (13, 16)}),
    ],
)
def test_functions_are_found_by_layout(text: str, known: dict[str, tuple[int, int]]) -> None:
    assert {name: (lines.start, lines.stop) for name, lines in functions_of(text).items()} == known


@pytest.mark.parametrize(
    ("text", "wrong", "right"),
    [
        (C, "i <= n", "i < n"),
        (C, "total += ", "total -= "),
        (C, "2 * n", "2 + n"),
        (C, "total = 0", "total = 1"),
        (GO, "a < b", "a > b"),
        (GO, "return a", "return b"),
        (GO, "items)-1]", "items)-2]"),
        (RUST, "== 1", "== 0"),
        (RUST, "n % 2", "n / 2"),
        (RUBY, "!=", "=="),
        (RUBY, "@items.last", "@items.first"),
        (SHELL, "-le", "-lt"),
        (SHELL, "i=0", "i=1"),
        (TYPED, "value, high", "high, value"),
        (TYPED, "value > this", "value >= this"),
        (TYPED, "(low, Math", "(high, Math"),
    ],
)
def test_a_slip_is_among_the_mutations(text: str, wrong: str, right: str) -> None:
    assert text.replace(wrong, right, 1) in {mutation.apply(text) for mutation in mutations(text)}


def test_comments_and_texts_are_left_alone() -> None:
    text = "// a < 1\n/* b > 2 */\n# c == 3\nputs(\"d < 4\", 'e > 5');\n"
    assert {mutation.apply(text) for mutation in mutations(text)} <= {"// a < 1\n/* b > 2 */\n# c == 3\n"} | {
        text.replace("\"d < 4\", 'e > 5'", "'e > 5', \"d < 4\"")
    }


def test_a_part_of_a_long_file_is_shown_and_put_back_in_its_place() -> None:
    long = GO + "".join(f"\nfunc F{number}() int {{\n\treturn {number}\n}}\n" for number in range(300))
    subject = function("sum.go", long, "Max")
    assert subject is not None
    assert subject.code == GO[GO.index("func Max") : GO.index("\n\nfunc (s")]
    assert subjects_of("sum.go", long, ["Max"]) == [subject]
    better = subject.code.replace("a < b", "a > b")
    assert splice(subject, better) == long.replace("a < b", "a > b")
    assert splice(subject, "func Other() {\n\treturn\n}\n") is None


def test_what_a_test_reads_is_found() -> None:
    assert imported("test_sum.c", '#include "sum.h"\n', ["sum.c", "sum.h", "other.c"]) == ["sum.h", "sum.c"]
    assert imported("tests/count.sh", ". ./count.sh\nsh lib/other.sh\n", ["count.sh", "lib/other.sh"]) == [
        "count.sh",
        "lib/other.sh",
    ]
    assert imported("sum.test.ts", "import { sum } from './sum.js';\n", ["sum.ts"]) == ["sum.ts"]


MAKE = Check(command="make test", source="detected", runner="make", timeout=300.0)
SH = {
    "Makefile": "test:\n\t@sh ./test_count.sh\n",
    "count.sh": SHELL,
    "test_count.sh": (
        '. ./count.sh\n[ "$(count 3)" = 3 ] || { echo \'count 3 is wrong\'; exit 1; }\n[ "$(count 0)" = 0 ]\n'
    ),
}
with_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@with_make
async def test_a_shell_script_is_repaired_by_its_own_check(tmp_path: Path) -> None:
    async with working(tmp_path, SH, [], prompt="`count` counts too far", checks=(MAKE,)) as work:
        stop = await repair(work)
        assert await changed(work) == {"count.sh": SHELL.replace("-le", "-lt")}
        assert "make test passes" in stop.message
        assert "Found by mutation" in stop.message


@with_make
async def test_a_check_without_end_is_cut_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproduce, "FIRST", 1.0)
    monkeypatch.setattr(reproduce, "SILENT", 2.0)
    monkeypatch.setattr(validate, "WHOLE_SECONDS", (1.0, 3.0))
    endless = SHELL.replace("-le", "-lt").replace("i + 1", "i - 1")
    files = SH | {"count.sh": endless}
    async with working(tmp_path, files, [], prompt="`count` never ends", checks=(MAKE,)) as work:
        await repair(work)
        assert await changed(work) == {"count.sh": endless.replace("i - 1", "i + 1")}
        assert any(event.outcome == "endless" for event in candidates(work))


@with_make
async def test_a_check_that_was_only_begun_is_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies after the first short look leaves a run that says nothing."""
    monkeypatch.setattr(reproduce, "FIRST", 1.0)
    slow = SH | {"Makefile": "test:\n\t@sleep 2; sh ./test_count.sh\n"}
    async with working(tmp_path, slow, [], prompt="`count` counts too far", checks=(MAKE,)) as work:
        async with work.layer() as layer:
            await work.run_check(layer, MAKE.model_copy(update={"timeout": 1.0}), "base")
        [run] = await reproduce.reproduce(work)
        assert (run.cut, run.exit_code, run.check) == (None, 2, MAKE)
        assert [run] == await reproduce.reproduce(work)


async def test_a_slow_test_is_no_endless_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is cut on the base and takes as long with an edit is not mended by it."""
    monkeypatch.setattr(reproduce, "TEST_SECONDS", 0.3)
    files = {
        "spin.py": "import time\n\n\ndef spin():\n    end = time.process_time() + 1\n"
        "    while time.process_time() < end:\n        pass\n    return 1\n",
        "test_spin.py": "from spin import spin\n\n\ndef test_spin():\n    assert spin() == 1\n",
    }
    check = Check(command="python -m pytest -q", source="detected", runner="pytest", timeout=60.0)
    async with working(tmp_path, files, [], prompt="`spin` never ends", checks=(check,)) as work:
        [run] = await reproduce.reproduce(work)
        goal = validate.goal_of(run)
        assert goal.endless == {"test_spin.py::test_spin"}
        edit = Candidate("spin.py", files["spin.py"], files["spin.py"].replace("return 1", "return 2 - 1"), "mutation")
        said = await validate.confirm(work, edit, [goal], [])
        assert said.outcome != "passed" and "as long as before" in said.note
        quick = dataclasses.replace(edit, text=files["spin.py"].replace("+ 1", "+ 0.01"))
        assert (await validate.confirm(work, quick, [goal], [])).outcome == "passed"
