"""Two real repositories with a history: commits that fix something, and those that only look like it."""

from pathlib import Path

from tests.conftest import git, lay

STATS = "def mean(values):\n    return sum(values) / len(values)\n"
STATS_TEST = """\
import unittest

from stats import mean


class Mean(unittest.TestCase):
    def test_of_two(self):
        self.assertEqual(mean([1, 3]), 2)
"""
EMPTY = """
    def test_of_nothing(self):
        self.assertEqual(mean([]), 0)
"""
FIXED = "def mean(values):\n    return sum(values) / len(values) if values else 0\n"
FLAKY = """
    def test_of_luck(self):
        import random
        self.assertTrue(random.SystemRandom().random() < 0.5)
"""
MEDIAN = "\n\ndef median(values):\n    ordered = sorted(values)\n    return ordered[len(ordered) // 2]\n"
MEDIAN_TEST = """\
import unittest
from pathlib import Path

from stats import median


class Median(unittest.TestCase):
    def test_of_three(self):
        self.assertEqual(median(sorted(Path("tests/three.bin").read_bytes())), 2)
"""


def commit(folder: Path, message: str) -> str:
    """Commit all there is; its id."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD").strip()


def python_history(folder: Path) -> dict[str, str]:
    """A Python package with unittest; the ids of its commits by what they are."""
    folder.mkdir()
    git(folder, "init", "-q")
    found: dict[str, str] = {}
    files = {"AGENTS.md": "Run the tests with `python3 -m unittest discover -s tests -t .`.\n", "tests/__init__.py": ""}
    lay(folder, {**files, "stats.py": STATS, "tests/test_stats.py": STATS_TEST})
    found["first"] = commit(folder, "The beginning")
    lay(folder, {"stats.py": FIXED, "tests/test_stats.py": STATS_TEST + EMPTY})
    found["fix"] = commit(folder, "Mean of nothing is 0 (#12)\n\nIt divided by zero.\n\nSigned-off-by: A <a@b>")
    lay(folder, {"README.md": "# Stats\n"})
    found["docs"] = commit(folder, "Say what this is")
    lay(folder, {"stats.py": FIXED + "\n\nUNUSED = 1\n"})
    found["no tests"] = commit(folder, "A constant")
    lay(folder, {"stats.py": FIXED, "tests/test_stats.py": STATS_TEST + EMPTY + "\n    LABEL = 'x'\n"})
    found["passes before"] = commit(folder, "Fix the style of the code")
    (folder / "tests" / "three.bin").write_bytes(b"\x02\x01\xff")
    lay(folder, {"stats.py": FIXED + MEDIAN, "tests/test_median.py": MEDIAN_TEST})
    found["with bytes"] = commit(folder, "Median, too")
    lay(folder, {"stats.py": FIXED.replace("0\n", "1\n") + MEDIAN, "tests/test_stats.py": STATS_TEST + EMPTY})
    found["breaks"] = commit(folder, "Fix it, they said")
    return found


def flaky_history(folder: Path) -> dict[str, str]:
    """One commit that fixes something and brings a test of luck, and one that brings nothing else."""
    folder.mkdir()
    git(folder, "init", "-q")
    lay(folder, {"stats.py": STATS, "tests/__init__.py": "", "tests/test_stats.py": STATS_TEST})
    commit(folder, "The beginning")
    lay(folder, {"stats.py": FIXED, "tests/test_stats.py": STATS_TEST + EMPTY + FLAKY})
    fix = commit(folder, "Fix the mean of nothing")
    lay(folder, {"stats.py": FIXED + "\n", "tests/test_luck.py": STATS_TEST.partition("    def")[0] + FLAKY})
    return {"fix": fix, "luck": commit(folder, "Fix luck")}


def javascript_history(folder: Path) -> dict[str, str]:
    """A JavaScript package with node's own runner."""
    folder.mkdir()
    git(folder, "init", "-q")
    head = "const test = require('node:test');\nconst assert = require('node:assert');\nconst f = require('./fold');\n"
    one = "test('sums', () => assert.equal(f.sum([1, 2]), 3));\n"
    two = "test('sums nothing', () => assert.equal(f.sum([]), 0));\n"
    body = "exports.sum = (list) => list.reduce((a, b) => a + b"
    lay(
        folder,
        {"fold.js": f"{body});\n", "fold.test.js": head + one, "package.json": '{"scripts":{"test":"node --test"}}'},
    )
    first = commit(folder, "The beginning")
    lay(folder, {"fold.js": f"{body}, 0);\n", "fold.test.js": head + one + two})
    fix = commit(folder, "sum throws for an empty list")
    git(folder, "rm", "-q", "fold.test.js")
    lay(folder, {"fold.js": f"{body}, 0);\nexports.product = (list) => list.reduce((a, b) => a * b, 1);\n"})
    test = "test('multiplies', () => assert.equal(f.product([2, 3]), 6));\n"
    lay(folder, {"all.test.js": head + one + two + test})
    return {"first": first, "fix": fix, "moves": commit(folder, "Multiply, and move the tests")}
