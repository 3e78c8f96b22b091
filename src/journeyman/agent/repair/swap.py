# pyright: basic
"""New code put into functions that are loaded already, so that a trial need not load and collect everything again.

A script for the inside of a sandbox, sent in front of `inside.py`: only the standard library, Python 3.8 and later. It
is right only where a change touches nothing but the bodies of functions that did not run while the tests were loaded;
of anything else `Loaded.changes` says None, and the trial begins from nothing.
"""

import __future__

import ast
import gc
import os
import types
from pathlib import Path

OPTIMIZED = 0x01
"""The flag of code that is a function's, and not that of a module or a class."""

SHAPE = ("argcount", "posonlyargcount", "kwonlyargcount", "flags", "varnames", "freevars", "cellvars", "code", "names")
"""What is the same of two functions that are the same program, besides their constants."""


def key_of(code):
    """By what a function is known: its file, its name and the line in which it begins."""
    return (code.co_filename, code.co_name, code.co_firstlineno)


class Text:
    """The text of a file as it was loaded."""

    def __init__(self, text):
        if "\r" in text.replace("\r\n", ""):
            raise ValueError("lines that are not counted as the parser counts them")
        self.rows = text.split("\n")
        tree = ast.parse(text)
        self.parts = [span for span in map(span_of, tree.body) if span]
        self.flags = 0
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                for name in node.names:
                    self.flags |= getattr(__future__, name.name).compiler_flag
        self.compiled = {}

    def part(self, text):
        """The definition at the top level that another text changes: its first line and both its texts, or None."""
        rows = text.split("\n")
        least = min(len(rows), len(self.rows))
        head = next((at for at in range(least) if rows[at] != self.rows[at]), least)
        most = least - head
        tail = next((at for at in range(most) if rows[-1 - at] != self.rows[-1 - at]), most)
        first, last = head + 1, len(self.rows) - tail
        for start, end in self.parts:
            if start < first <= end + 1 and start <= last <= end:
                rest = len(self.rows) - end
                return start, "\n".join(self.rows[start - 1 : end]), "\n".join(rows[start - 1 : len(rows) - rest])
        return None


def span_of(node):
    """The first and the last line of a definition, decorators included; None of anything else."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return None
    first = min([node.lineno] + [each.lineno for each in node.decorator_list])
    return first, node.end_lineno or node.lineno


class Loaded:
    """The functions of a project that are loaded. `root` is its folder; `ran` are the keys of what ran meanwhile."""

    def __init__(self, root, ran):
        self.root = root
        self.ran = ran
        self.texts = {}
        self.functions = {}
        for each in gc.get_objects():
            if isinstance(each, types.FunctionType):
                self.functions.setdefault(key_of(each.__code__), []).append(each)
        self.names = {}
        for file, _, _ in self.functions:
            self.names.setdefault(os.path.realpath(file), set()).add(file)

    def changes(self, files):
        """The functions that new texts of files change, each with its new code; None where that is not all."""
        found = []
        for path, text in files.items():
            file = Path(self.root, path)
            names = self.names.get(os.path.realpath(file), ())
            if len(names) != 1:
                return None
            try:
                pairs = self.pairs(file, next(iter(names)), text)
            except (SyntaxError, ValueError, OSError, RecursionError):
                return None
            if pairs is None:
                return None
            for old, new in pairs:
                functions = self.functions.get(key_of(old), ())
                if not functions or key_of(old) in self.ran or old.co_freevars != new.co_freevars:
                    return None
                found += [(function, new) for function in functions]
        return found

    def pairs(self, file, name, text):
        if file not in self.texts:
            self.texts[file] = Text(file.read_bytes().decode())
        known = self.texts[file]
        part = known.part(text)
        if part is None:
            return None
        start, before, after = part
        if start not in known.compiled:
            code = compiled(before, start, name, known.flags)
            known.compiled[start] = code, repeated(code)
        code, twice = known.compiled[start]
        pairs = differing(code, compiled(after, start, name, known.flags))
        return None if pairs is None or any(key_of(old) in twice for old, _ in pairs) else pairs


def compiled(text, line, name, flags):
    """The code of a part of a file that begins in a line."""
    return compile("\n" * (line - 1) + text, name, "exec", flags, True)


def repeated(code):
    """The keys that several functions of a part share."""
    seen, twice, waiting = set(), set(), [code]
    while waiting:
        for each in waiting.pop().co_consts:
            if isinstance(each, types.CodeType):
                (twice if key_of(each) in seen else seen).add(key_of(each))
                waiting.append(each)
    return twice


def differing(old, new):
    """The functions in which two codes of a module or a class differ, in pairs; None where they differ elsewhere."""
    if (old.co_code, old.co_names, len(old.co_consts)) != (new.co_code, new.co_names, len(new.co_consts)):
        return None
    found = []
    for at, one in enumerate(old.co_consts):
        two = new.co_consts[at]
        if not isinstance(one, types.CodeType) or not isinstance(two, types.CodeType):
            if not equal(one, two):
                return None
        elif one.co_name != two.co_name:
            return None
        elif not one.co_flags & OPTIMIZED:
            inner = differing(one, two)
            if inner is None:
                return None
            found += inner
        elif not alike(one, two):
            found.append((one, two))
    return found


def alike(one, two):
    """Whether two functions are the same program, in whatever lines."""
    if any(getattr(one, "co_" + name) != getattr(two, "co_" + name) for name in SHAPE):
        return False
    if getattr(one, "co_exceptiontable", b"") != getattr(two, "co_exceptiontable", b""):
        return False
    return len(one.co_consts) == len(two.co_consts) and all(
        alike(each, two.co_consts[at])
        if isinstance(each, types.CodeType) and isinstance(two.co_consts[at], types.CodeType)
        else equal(each, two.co_consts[at])
        for at, each in enumerate(one.co_consts)
    )


def equal(one, two):
    """Whether two constants are the same, also where they only compare as if they were: 1, 1.0 and True."""
    return type(one) is type(two) and repr(one) == repr(two)


def swap(changes):
    """Put the new code into its functions."""
    for function, code in changes:
        function.__code__ = code
