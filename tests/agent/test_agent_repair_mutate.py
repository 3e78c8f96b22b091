"""Single mutations: each classical slip is turned round, and nothing else of the file changes."""

import ast
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.agent.repair.language import change
from journeyman.agent.repair.mutate import functions_of, mutations
from journeyman.agent.repair.source import shape

SLIPS = {
    "boundary": ("def f(n):\n    while n > 1:\n        n -= 1\n    return n\n", "n > 1", "n >= 1"),
    "number": ("def f(a):\n    return a[0]\n", "a[0]", "a[1]"),
    "range": ("def f(n):\n    for i in range(0, n):\n        yield i\n", "range(0, n)", "range(0, n + 1)"),
    "step of an index": ("def f(a, i):\n    return a[i]\n", "a[i]", "a[i - 1]"),
    "operator": ("def f(a, b):\n    return a - b\n", "a - b", "a + b"),
    "bits": ("def f(n):\n    n ^= n - 1\n    return n\n", "n ^= n", "n &= n"),
    "operands": ("def f(a, b):\n    return a / b\n", "a / b", "b / a"),
    "arguments": ("def f(a, b):\n    return pow(a, b)\n", "pow(a, b)", "pow(b, a)"),
    "and": ("def f(a, b):\n    if a and b:\n        return 1\n    return 0\n", "a and b", "a or b"),
    "not": ("def f(a):\n    if a:\n        return 1\n    return 0\n", "if a", "if not a"),
    "not needed": ("def f(a):\n    return not a.ok\n", "not a.ok", "a.ok"),
    "guard": ("def f(x):\n    if x.n is None:\n        return 0\n    return 1\n", "if x.n", "if x is None or x.n"),
    "variable": ("def f(a, b):\n    c = a\n    return c + b\n", "c + b", "a + b"),
    "call": ("def f(a):\n    return any(x > 1 for x in a)\n", "any(", "all("),
    "method": ("def f(a, x):\n    a.append(x)\n    return a\n", "append", "extend"),
    "attribute": ("def f(x):\n    return x.left_side, x.right_side.left_side\n", ", x.right_side", ", x.left_side"),
    "missing call": ("def f(a, b):\n    return a - b\n", "return a - b", "return abs(a - b)"),
    "call too many": ("def f(a):\n    return len(a)\n", "len(a)", "a"),
    "part": ("def f(a, k):\n    for x in a:\n        yield x\n", "in a:", "in a[k:]:"),
    "slice": ("def f(a):\n    return a[1:]\n", "a[1:]", "a[:]"),
    "augmented": ("def f(a):\n    t = 1\n    for x in a:\n        t += x\n    return t\n", "t += x", "t *= x"),
    "assigned anew": ("def f(a):\n    t = 0\n    for x in a:\n        t = x\n    return t\n", "t = x", "t += x"),
    "target": ("def f(a, b, i):\n    a[i] = b[i] + 1\n    return b\n", "a[i] = ", "b[i] = "),
    "return value": ("def f(a):\n    if not a:\n        return None\n    return a[0]\n", "return None", "return 0"),
    "nesting": ("def f(a):\n    return []\n", "[]", "[[]]"),
    "joined": ("def f(a):\n    b = a\n    return [x for x in b]\n", "return [x", "return b + [x"),
    "elements": ("def f(a, b):\n    a, b = a, b\n    return a\n", "= a, b", "= b, a"),
    "branches": ("def f(a):\n    return 1 if a else 2\n", "1 if a else 2", "2 if a else 1"),
    "element too much": ("def f(a):\n    return a in (1, 2, 3, (4))\n", "(1, 2, 3, (4))", "(1, 3, (4))"),
    "last element": ("def f(a):\n    return a in [1, 2, [3]]\n", "[1, 2, [3]]", "[1, 2]"),
    "branch without condition": (
        "def f(a, b):\n    if a:\n        return 1\n    elif (b):\n        return 2\n",
        "elif (b):",
        "else:",
    ),
    "literal": ("def f():\n    return True\n", "True", "False"),
    "number far off": ("def f(a):\n    return a + 30\n", "30", "32"),
    "compared": ("def f(a, b):\n    return bool(a) and bool(b)\n", "and", "!="),
    "two variables": (
        "def f(a, b):\n    return int(a) * 60 + int(b)\n",
        "int(a) * 60 + int(b)",
        "int(b) * 60 + int(a)",
    ),
    "bounded": ("def f(a, k):\n    return [min(k, x) for x in a]\n", "[min(k, x)", "[max(0, min(k, x))"),
    "break": ("def f(a):\n    for x in a:\n        if x:\n            break\n    return x\n", "break", "continue"),
    "deletion": ("def f(a):\n    a.sort()\n    return a\n", "    a.sort()\n", ""),
    "order": ("def f(a):\n    x = 1\n    a = 2\n    return a\n", "    x = 1\n    a = 2\n", "    a = 2\n    x = 1\n"),
    "too deep": (
        "def f(a):\n    for x in a:\n        x += 1\n        return x\n",
        "        return x",
        "    return x",
    ),
    "moved on": (
        "def f(n):\n    p = None\n    while n:\n        q = n.next\n        n.next = p\n        n = q\n    return p\n",
        "n.next = p\n",
        "n.next = p\n        p = n\n",
    ),
    "base case": (
        "def f(a):\n    return a[0] + f(a[1:])\n",
        "    return a[0]",
        "    if not a:\n        return 0\n    return a[0]",
    ),
}


@pytest.mark.parametrize("slip", SLIPS, ids=list(SLIPS))
def test_a_slip_is_turned_round(slip: str) -> None:
    text, wrong, right = SLIPS[slip]
    assert text.count(wrong) == 1
    wanted = shape(text.replace(wrong, right))
    assert wanted is not None
    assert wanted in {shape(mutation.apply(text)) for mutation in mutations(text)}


def test_the_likelier_slip_comes_first() -> None:
    text = "def f(a, b):\n    return max(a) - b\n"
    kinds = [mutation.kind for mutation in mutations(text)]
    assert kinds.index("operator") < kinds.index("ingredient") < kinds.index("base case")


def test_suspicion_moves_a_line_to_the_front() -> None:
    text = "def f(a):\n    b = a < 1\n    c = a < 2\n    return b, c\n"
    assert mutations(text)[0].line == 2
    assert mutations(text, suspicion={2: 0.1})[0].line == 3


def test_only_the_lines_asked_for_change() -> None:
    text = "def f(a):\n    return a < 1\n\n\ndef g(a):\n    return a < 1\n"
    assert functions_of(text) == {"f": range(1, 3), "g": range(5, 7)}
    assert {mutation.line for mutation in mutations(text, [functions_of(text)["g"]])} == {6}


@pytest.mark.parametrize(
    "text",
    [
        "def f(n):\r\n    while n > 1:\r\n        n -= 1\r\n    return n\r\n",
        "\ufeffdef f(n):\n\twhile n > 1:\n\t\tn -= 1\n\treturn n",
        "def f(n):\n    größe = 'ä' * n; während = größe > n  # ü\n    return während\n",
    ],
    ids=["line ends", "byte order mark and tabs", "not ASCII"],
)
def test_everything_around_an_edit_stays(text: str) -> None:
    found = mutations(text)
    assert found
    for mutation in found:
        after = mutation.apply(text)
        if len(mutation.edits) == 1:
            edit = mutation.edits[0]
            assert after[: edit.start] == text[: edit.start]
            assert after[edit.start + len(edit.text) :] == text[edit.end :]
        assert ("\r\n" in text) == ("\r\n" in after)
        assert after.startswith("\ufeff") == text.startswith("\ufeff")
    assert any("n >= 1" in mutation.apply(text) or "größe >= n" in mutation.apply(text) for mutation in found)


def test_annotations_docstrings_and_imports_are_left_alone() -> None:
    text = dedent('''
        import os
        from a import b


        @b(1)
        def f(x: int = 1) -> "int":
            """Returns 1 for 2."""
            return x
    ''')
    for mutation in mutations(text):
        after = mutation.apply(text)
        assert '"""Returns 1 for 2."""' in after
        assert after.startswith("\nimport os\nfrom a import b\n\n\n@b(1)\ndef f(x: int = ")
        assert ') -> "int":' in after


def test_nothing_is_idle() -> None:
    text = "def f(a, i):\n    return 1 + a[i] - i\n"
    found = [mutation.apply(text) for mutation in mutations(text)]
    assert text not in found
    assert not any(" 0 + a[i]" in after or "1 * a[i]" in after or "- 0" in after for after in found)


def test_what_is_no_python_has_no_mutations() -> None:
    assert mutations("def f(:\n") == []
    assert mutations("x = '\0'\n") == []
    assert functions_of("const f = () => 1\n") == {}


names = st.sampled_from(["a", "b", "n", "xs"])
atoms = st.one_of(
    names, st.integers(0, 9).map(str), st.sampled_from(["xs[n]", "len(xs)", "a.b", "f(a, n)", "[]", "(a, b)"])
)
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "//", "<", "==", "in", "and", "or"]), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
        inner.map(lambda one: f"f({one}, n)"),
        inner.map(lambda one: f"not ({one})"),
        inner.map(lambda one: f"xs[{one}:]"),
    ),
    max_leaves=6,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(expressions, min_size=1, max_size=3))
def test_mutations_of_any_function_parse(values: list[str]) -> None:
    body = "".join(f"    a = {value}\n    if {value}:\n        return {value}\n" for value in values)
    text = f"def f(a, n, xs=(), b=1):\n{body}    return a\n"
    bad = [mutation for mutation in mutations(text) if not _parses(mutation.apply(text))]
    assert not bad


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def test_what_stands_in_the_braces_of_a_text_is_mutated_and_its_words_are_not() -> None:
    text = 'def f(a, b):\n    return f"{a[0]:>{b}} is {b - 1!r} é {a[b]}"\n'
    found = {mutation.apply(text) for mutation in mutations(text)}
    for old, new in (("a[0]", "a[1]"), ("b - 1", "b + 1"), ("a[b]", "a[b - 1]"), ("a[b]", "b")):
        assert text.replace(f"{{{old}", f"{{{new}") in found
    assert all("} is {" in one and "} é {" in one for one in found if 'f"{' in one)


SHOP = dedent("""\
    import os
    LIMIT = 3


    def first(a, b=LIMIT):
        # the first
        return a if a < b else b


    @staticmethod
    def second(a):
        while a:
            a -= 1
        return a

    class Shop:
        size = 1

        def third(self, c):
            if c:
                return c + self.size
            return -c
    """)


def test_the_part_that_changes_tells_programs_apart_as_the_whole_does() -> None:
    made = {mutation.apply(SHOP) for mutation in mutations(SHOP)}
    made |= {SHOP.replace("# the first", "# it"), SHOP.replace("c + ", "c  + "), SHOP.replace("size = 1", "size = (1)")}
    made |= {SHOP + "\n", SHOP + "x = 1\n", SHOP.replace("return -c", "return -("), SHOP.replace("import os\n", "")}
    parts = {text: change("a.py", SHOP, text) for text in made}
    wholes = {text: shape(text) for text in made}
    assert {place for part in parts.values() if part for place in [part.split()[0]]} >= {"0", "5", "11", "19"}
    for text in made:
        assert (parts[text] is None) == (wholes[text] in (None, shape(SHOP))), text
        for other in made:
            assert (parts[text] == parts[other]) == (wholes[text] == wholes[other]) or not parts[text], (text, other)


PEEL = dedent("""\
    def peel(rows, top, end):
        while rows and top <= end:
            for row in rows:
                out(row)
            end -= 1
            note = '''
    kept'''
            if note:
                return end
    """)


def test_what_a_loop_asks_may_have_to_be_asked_again() -> None:
    found = {mutation.apply(PEEL): mutation.weight for mutation in mutations(PEEL) if mutation.kind == "guarded"}
    one = "        for row in rows:\n            out(row)\n"
    two = one + "        end -= 1\n"
    for block in (one, two):
        deeper = "".join(f"    {row}\n" for row in block.splitlines())
        assert PEEL.replace(block, f"        if top <= end:\n{deeper}") in found
    assert all("'''\nkept'''" in text and shape(text) for text in found)
    # Nothing of it changed before the first, so that it still holds there; before the last it may not.
    last = PEEL.replace(
        "        if note:\n            return end",
        "        if top <= end:\n            if note:\n                return end",
    )
    first = PEEL.replace(one, "        if rows:\n" + "".join(f"    {row}\n" for row in one.splitlines()))
    assert found[last] > 5 * found.get(first, 0.0)


def test_a_container_that_was_not_emptied_and_an_item_that_was_not_taken_out() -> None:
    text = dedent("""\
        class History:
            def write(self, text):
                self.text = text
            def redo(self):
                self.text = self.undone.pop()


        def lakes(water, spot):
            todo = list(water)
            while todo:
                spot = todo.pop()
        """)
    found = {mutation.apply(text) for mutation in mutations(text) if mutation.kind == "insertion"}
    for old, new in (
        ("self.text = text\n", "self.text = text\n        self.undone.clear()\n"),
        ("spot = todo.pop()\n", "spot = todo.pop()\n        water.remove(spot)\n"),
        ("spot = todo.pop()\n", "spot = todo.pop()\n        todo.clear()\n"),
    ):
        assert text.replace(old, new) in found
