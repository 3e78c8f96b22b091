"""Settings that decide which tests run: what the work changed in them, in sentences."""

import ast
import json
import posixpath
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, cast

from journeyman.core.text import one_line

_INI = {"pytest.ini": "pytest", ".pytest.ini": "pytest", "tox.ini": "pytest", "setup.cfg": "tool:pytest"}
_MAKE = ("Makefile", "makefile", "GNUmakefile")
_NODE = re.compile(r"^(jest|vitest|vite|karma|playwright|ava)\.config\.[cm]?[jt]s(on)?$|^\.mocharc\.\w+$")
_HOOKS = re.compile(r"^(pytest_\w+|collect_ignore(_glob)?)$")


def is_settings_path(path: str) -> bool:
    name = posixpath.basename(path)
    return (
        name in _INI
        or name in _MAKE
        or name in ("pyproject.toml", "conftest.py", "package.json")
        or _NODE.match(name) is not None
    )


def changed_settings(path: str, old: str, new: str) -> Iterator[str]:
    """What changed in one file between the texts `old` and `new` ("" for a file that is not there)."""
    name = posixpath.basename(path)
    if name in _INI:
        yield from _keys(path, _ini(old, _INI[name]), _ini(new, _INI[name]))
    elif name == "pyproject.toml":
        yield from _keys(path, _toml(old), _toml(new))
    elif name == "package.json":
        yield from _keys(path, _package(old), _package(new))
    elif name == "conftest.py":
        yield from _conftest(path, old, new)
    elif name in _MAKE:
        for target in ("test", "check"):
            if (was := _recipe(old, target)) and was != _recipe(new, target):
                yield f"{path}: what `make {target}` runs was changed."
    elif old != new:
        yield f"{path}, which configures the tests, was changed."


def _keys(path: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key), new.get(key)
        if was == now:
            continue
        if was is None:
            yield f"{path}: the test setting {key} was added (`{one_line(now or '')}`)."
        elif now is None:
            yield f"{path}: the test setting {key} was removed (`{one_line(was)}`)."
        else:
            yield f"{path}: the test setting {key} was changed from `{one_line(was)}` to `{one_line(now)}`."


def _ini(text: str, section: str) -> dict[str, str]:
    import configparser

    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return {"(unreadable)": text}
    return {key: value or "" for key, value in parser.items(section)} if parser.has_section(section) else {}


def _toml(text: str) -> dict[str, str]:
    import tomllib

    try:
        tool: object = tomllib.loads(text).get("tool", {})
    except (ValueError, RecursionError):
        return {"(unreadable)": text}
    found: dict[str, str] = {}
    if isinstance(tool, dict):
        pytest = cast(dict[str, Any], tool).get("pytest", {})
        options: object = cast(dict[str, Any], pytest).get("ini_options", pytest) if isinstance(pytest, dict) else {}
        if isinstance(options, dict):
            found = {key: str(value) for key, value in cast(dict[str, Any], options).items()}
    return found


def _package(text: str) -> dict[str, str]:
    try:
        package: object = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {"(unreadable)": text}
    if not isinstance(package, dict):
        return {}
    values = cast(dict[str, Any], package)
    found = {
        key: json.dumps(values[key], sort_keys=True) for key in ("jest", "mocha", "ava", "vitest") if key in values
    }
    scripts = values.get("scripts")
    if isinstance(scripts, dict):
        for key, value in cast(dict[str, Any], scripts).items():
            if key in ("test", "pretest", "posttest") or key.startswith("test:"):
                found[f"scripts.{key}"] = str(value)
    return found


def _conftest(path: str, old: str, new: str) -> Iterator[str]:
    before, after = _hooks(old), _hooks(new)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            how = "was added" if name not in before else "was removed" if name not in after else "was changed"
            yield f"{path}: `{name}`, which steers what pytest runs or reports, {how}."


def _hooks(text: str) -> dict[str, str]:
    """Hooks, ignore lists and fixtures that apply to all tests by themselves."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(text).body
        found: dict[str, str] = {}
        for node in body:
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    automatic = any("autouse=True" in ast.unparse(decorator) for decorator in node.decorator_list)
                    if _HOOKS.match(name) or automatic:
                        found[name] = ast.unparse(node)
                case ast.Assign(targets=[ast.Name(id=name)]) if _HOOKS.match(name):
                    found[name] = ast.unparse(node)
                case _:
                    pass
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {"(unreadable)": text}
    return found


def _recipe(text: str, target: str) -> str:
    match = re.search(rf"^{target}[ \t]*:(?!=)[^\n]*(\n\t[^\n]*)*", text, re.MULTILINE)
    return match[0] if match else ""
