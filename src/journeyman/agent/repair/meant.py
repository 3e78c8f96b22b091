"""Which of the tests that fail a request means: in a real project some fail for reasons of their own."""

import ast
import re

from journeyman.agent.repair.language import functions_of
from journeyman.agent.repair.locate import Evidence, is_source
from journeyman.agent.repair.source import Function

_OF_TESTS = re.compile(r"\b(tests?|checks?|suite|CI)\b", re.IGNORECASE)
_CODE = re.compile(r"`([\w.]+)`|\b(\w+)\(|\b(\w+_\w+)\b")


def speaks_of_tests(prompt: str) -> bool:
    """Whether a request is about the tests themselves: then all that fail are meant."""
    return bool(_OF_TESTS.search(prompt))


def named_in(prompt: str) -> set[str]:
    """What a request names as code: in backticks, as a call, or with an underscore."""
    found = [word for match in _CODE.finditer(prompt) for word in match.groups() if word]
    return {word.rsplit(".", 1)[-1] for word in found}


def not_meant(evidence: Evidence) -> frozenset[str]:
    """The failing tests that run none of the functions that the request names; empty where it names none.

    `evidence` has what each failing test runs.
    """
    if speaks_of_tests(evidence.prompt):
        return frozenset()
    names = named_in(evidence.prompt)
    bodies = {
        path: {line for name, lines in functions_of(path, text).items() if _last(name) in names for line in lines[1:]}
        for path, text in evidence.texts.items()
        if is_source(path)
    }
    running = {
        test
        for test in evidence.failing
        if any(not bodies.get(path, set()).isdisjoint(lines) for path, lines in evidence.covered.get(test, {}).items())
    }
    return evidence.failing - running if any(bodies.values()) else frozenset()


def _last(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def body_of(id: str, text: str) -> str:
    """The text of the function that a test of pytest is; empty where it cannot be found."""
    names = [part.split("[")[0] for part in id.split("::")[1:]]
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return ""
    found = [node for node in ast.walk(tree) if isinstance(node, Function) and names and node.name == names[-1]]
    return "\n".join(ast.get_source_segment(text, node) or "" for node in found)
