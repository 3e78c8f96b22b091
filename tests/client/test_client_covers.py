"""The client and the API's description: each has what the other has."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import journeyman.client
from journeyman.client import AsyncClient, Client
from journeyman.client.requests import Requests

BROWSERS = {"/session/openid", "/session/openid/callback", "/healthz", "/readyz", "/metrics"}
"""What is not for programs with this client."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A request by its method and its path, with `*` for names in it, and what may stand in its query."""

    method: str
    path: str
    query: frozenset[str] = frozenset()


def shape(path: str) -> str:
    return re.sub(r"\{\w+\}", "*", path)


def queries(function: ast.AsyncFunctionDef) -> Iterator[str]:
    """The names that a method may put into a query."""
    for node in ast.walk(function):
        match node:
            case ast.keyword(arg="query", value=ast.Dict() as query):
                pass
            case ast.AnnAssign(target=ast.Name(id="query"), value=ast.Dict() as query):
                pass
            case _:
                continue
        yield from (key.value for key in query.keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def sent() -> Iterator[Operation]:
    """What the client's methods send, read from their text."""
    for file in Path(journeyman.client.__file__).parent.glob("*.py"):
        for function in ast.walk(ast.parse(file.read_text())):
            if not isinstance(function, ast.AsyncFunctionDef):
                continue
            keys = set(queries(function))
            for node in ast.walk(function):
                given = node.args if isinstance(node, ast.Call) else []
                words = [arg.value for arg in given if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
                match words:
                    case [method, path] if path.startswith("/"):
                        yield Operation(method, shape(path), frozenset(keys))
                    case [path] if path.startswith("/"):
                        live = "events" in path
                        yield Operation("GET" if live else "POST", shape(path), frozenset(keys if live else ()))
                    case _:
                        pass


def described(description: dict[str, Any]) -> Iterator[Operation]:
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            names = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
            yield Operation(method.upper(), shape(path.removeprefix("/api/v1")), frozenset(names))


async def test_what_the_client_asks_for_is_there_and_takes_what_it_sends(description: dict[str, Any]) -> None:
    there = {(one.method, one.path): one.query for one in described(description)}
    asked = list(sent())
    assert len(asked) > 40
    for one in asked:
        assert (one.method, one.path) in there, one
        assert one.query <= there[one.method, one.path], one


async def test_every_operation_has_a_method(description: dict[str, Any]) -> None:
    asked = {(one.method, one.path) for one in sent()}
    missing = [
        (one.method, one.path)
        for one in described(description)
        if one.path not in BROWSERS and (one.method, one.path) not in asked
    ]
    assert missing == []


def test_the_blocking_client_has_every_method() -> None:
    own = {name for name in dir(AsyncClient) if not name.startswith("_")} - set(dir(Requests)) - {"on_wait"}
    assert own <= set(dir(Client))
