"""Code that a model wrote finds its place in a file."""

import pytest

from journeyman.agent.placed import placed

FILE = '''"""Prices."""

import os

RATE = 2


class Cart:
    size = 3

    def total(self):
        return 1

    def count(self):
        return 2


@cached
def price(x):
    return x * RATE


def last(xs):
    return xs[-1]
'''


def test_a_function_takes_the_place_of_its_name() -> None:
    after = placed("a.py", FILE, "def last(xs):\n    return xs[0]\n")
    assert after == FILE.replace("xs[-1]", "xs[0]")


def test_a_function_that_is_indented_is_one_all_the_same() -> None:
    assert placed("a.py", FILE, "    def last(xs):\n        return xs[0]\n") == FILE.replace("xs[-1]", "xs[0]")


def test_a_new_function_comes_to_the_end_with_its_imports_at_the_head() -> None:
    after = placed("a.py", FILE, "import os\nimport math\n\n\ndef up(x):\n    return math.ceil(x)\n")
    assert after is not None
    assert after.startswith('"""Prices."""\nimport math\n\nimport os\n') and after.count("import os") == 1
    assert after.endswith("    return xs[-1]\n\n\ndef up(x):\n    return math.ceil(x)\n")


def test_a_method_and_a_part_of_a_class_leave_the_rest_of_it() -> None:
    assert placed("a.py", FILE, "def total(self):\n    return 9\n") == FILE.replace("return 1", "return 9")
    part = "class Cart:\n    def total(self):\n        return 9\n"
    assert placed("a.py", FILE, part) == FILE.replace("return 1", "return 9")


def test_a_whole_class_and_a_variable_are_replaced() -> None:
    fresh = FILE.split("\n\n\n")[1].replace("size = 3", "size = 4")
    assert placed("a.py", FILE, fresh) == FILE.replace("size = 3", "size = 4")
    assert placed("a.py", FILE, "RATE = 3\n") == FILE.replace("RATE = 2", "RATE = 3")
    assert placed("a.py", FILE, "LIMIT: int = 3\n") == FILE + "\n\nLIMIT: int = 3\n"


def test_a_new_class_comes_to_the_end() -> None:
    code = "class Bag:\n    def empty(self):\n        return True\n"
    assert placed("a.py", FILE, code) == FILE + "\n\n" + code


@pytest.mark.parametrize(
    "code", ["", "def last(xs):\n    return xs[-1]\n", "def last(:\n", "print(last([1]))\n", '"""Prices."""\n']
)
def test_what_says_nothing_new_changes_nothing(code: str) -> None:
    assert placed("a.py", FILE, code) is None


def test_a_script_without_definitions_is_replaced_where_it_is_much_alike() -> None:
    script = "import sys\nprint(1)\nprint(sys.argv)\n"
    assert placed("a.py", script, "import sys\nprint(2)\nprint(sys.argv)") == script.replace("(1)", "(2)")
    assert placed("a.py", script, "x()") is None


def test_a_file_that_does_not_parse_is_replaced_where_it_is_much_alike() -> None:
    broken = "def f(x:\n    y = x\n    z = y\n    return z\n"
    assert placed("a.py", broken, broken.replace("x:", "x):")) == broken.replace("x:", "x):")


def test_functions_of_other_languages_are_told_by_their_layout() -> None:
    text = "const a = 1;\n\nfunction one() {\n  return 1;\n}\n\nfunction two() {\n  return 3;\n}\n"
    after = placed("a.js", text, "function two() {\n  return 2;\n}\n\nfunction four() {\n  return 4;\n}\n")
    assert after == text.replace("return 3", "return 2") + "\nfunction four() {\n  return 4;\n}\n"
    assert placed("a.js", text, "function five() {\n  return 5;\n}\n") is None
    go = "package a\n\nfunc One() int {\n\treturn 2\n}\n"
    assert placed("a.go", go, "func One() int {\n\treturn 1\n}") == go.replace("return 2", "return 1")


def test_a_text_without_functions_is_replaced_where_it_is_much_alike() -> None:
    assert placed("a.toml", "[a]\nx = 1\ny = 2\n", "[a]\nx = 1\ny = 3\n") == "[a]\nx = 1\ny = 3\n"
    assert placed("a.toml", "[a]\nx = 1\ny = 2\n", "y = 3\n") is None


def test_line_ends_of_the_file_are_kept() -> None:
    text = "def f():\r\n    return 1\r\n"
    assert placed("a.py", text, "def f():\n    return 2\n\n\ndef g():\n    return 3\n") == (
        "def f():\r\n    return 2\r\n\r\n\r\ndef g():\r\n    return 3\r\n"
    )
