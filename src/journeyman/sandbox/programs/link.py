"""The programs of ours that run alone: each one file, put together from its parts, since it starts sooner than several.

A part is a module of this package that imports the others as usual. Put together, their definitions share one
namespace, so no name may mean two things.
"""

import hashlib
import importlib.util
import marshal
import os
import struct
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from journeyman.core.errors import SandboxError

if TYPE_CHECKING:
    import ast

HERE = Path(__file__).parent
PACKAGE = "journeyman.sandbox.programs."
FUTURE = "__future__"


def source(name: str) -> str:
    """The text of the program whose main part is the module `name`."""
    import ast

    body: list[ast.stmt] = []
    known: dict[str, str] = {}
    _add(name, body, known, set())
    future = ast.ImportFrom(FUTURE, [ast.alias("annotations")], 0)
    return ast.unparse(ast.fix_missing_locations(ast.Module([future, *body], [])))


def written(name: str, state: Path) -> Path:
    """The program as a file of source text in `state`, for interpreters of any version."""
    text = source(name)
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    return _put(state / f"{name}-{key}" / f"{name}.py", text.encode())


def compiled(name: str, state: Path) -> Path:
    """The program as a compiled file in `state`, for the interpreter that runs this: it starts 10 ms sooner."""
    parts = b"".join(path.read_bytes() for path in sorted(HERE.glob("*.py")))
    key = hashlib.sha256(parts).hexdigest()[:16]
    target = state / f"{name}-{key}-{importlib.util.MAGIC_NUMBER.hex()}.pyc"
    if target.exists():
        return target
    return _put(target, _bytecode(name, key))


@cache
def _bytecode(name: str, key: str) -> bytes:
    """The content of a compiled file; made once for all the folders that a process puts it into."""
    code = compile(source(name), f"<{name}>", "exec", dont_inherit=True, optimize=2)
    return importlib.util.MAGIC_NUMBER + struct.pack("<III", 0, 0, 0) + marshal.dumps(code)


def _put(target: Path, data: bytes) -> Path:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.{os.getpid()}")
        fresh.write_bytes(data)
        fresh.chmod(0o644)
        fresh.replace(target)
    return target


def _add(name: str, body: "list[ast.stmt]", known: dict[str, str], done: set[str]) -> None:
    """Append a part behind those that it imports."""
    import ast

    if name in done:
        return
    done.add(name)
    own: list[ast.stmt] = []
    for node in ast.parse((HERE / f"{name}.py").read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
            _add((node.module or "").removeprefix(PACKAGE), body, known, done)
        elif not (isinstance(node, ast.ImportFrom) and node.module == FUTURE):
            own.append(node)
    for defined in (defined for node in own for defined in _defined(node)):
        if known.setdefault(defined, name) != name:
            raise SandboxError(f"{defined} is defined by {known[defined]} and by {name}.")
    body += own


def _defined(node: "ast.stmt") -> list[str]:
    import ast

    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    names = [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    return [name for name in names if name != "TYPE_CHECKING"]
