"""An interpreter that runs in any Linux image of this machine's architecture.

An image may have no Python, another C library or none. So what the supervisor needs of the host's interpreter is copied
to a directory of its own: the program, the modules that are imported, the shared libraries and the dynamic loader that
finds them there. It is mounted read-only in a container and started by that loader, of which no file of the image is
part.
"""

import ast
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from journeyman.core.errors import SandboxError, SandboxUnavailable

PROBE = """
import importlib, os, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
maps = {line.split(maxsplit=5)[5].rstrip() for line in open("/proc/self/maps") if line.count("/")}
specs = [getattr(module, "__spec__", None) for module in list(sys.modules.values())]
files = {os.__file__} | {spec.origin for spec in specs if spec and spec.has_location}
print([sys.version_info[:2], sorted(maps), sorted(files), os.__file__])
"""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A copied interpreter in `folder`. `command` starts it where `folder` is mounted on `place`."""

    folder: Path
    place: str
    loader: str
    program: str

    def command(self, *arguments: str) -> list[str]:
        loader = [f"{self.place}/lib/{self.loader}", "--library-path", f"{self.place}/lib"]
        return [*loader, f"{self.place}/bin/{self.program}", "-I", "-S", *arguments]


def runtime(state: Path, python: Path, programs: Sequence[Path], place: str) -> Runtime:
    """The interpreter `python` with all that the `programs` import, copied below `state` on first use; with the
    programs, compiled, beside it. Raises `SandboxUnavailable` where that cannot be done."""
    key = hashlib.sha256(_stamp(python).encode())
    for program in programs:
        key.update(program.read_bytes())
    folder = state / f"runtime-{key.hexdigest()[:16]}"
    about = folder / "about.json"
    if not about.exists():
        state.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=state, prefix=".runtime-"))
        try:
            loader = _copy(python, programs, fresh)
            (fresh / "about.json").write_text(json.dumps({"loader": loader}))
            for path in (fresh, *fresh.rglob("*")):
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or path.parent.name in ("bin", "lib") else 0o644)
            fresh.rename(folder)
        except OSError as error:
            if not about.exists():  # else another process was quicker
                raise SandboxError(f"The sandbox's interpreter could not be copied to {state}: {error}.") from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return Runtime(folder, place, json.loads(about.read_text())["loader"], python.name)


def _stamp(python: Path) -> str:
    about = python.stat()
    return f"1 {python} {about.st_size} {about.st_mtime_ns} {importlib.util.MAGIC_NUMBER.hex()}"


def _copy(python: Path, programs: Sequence[Path], target: Path) -> str:
    """Copy everything; the dynamic loader's name."""
    import py_compile

    modules = sorted({name for program in programs for name in _imported(program)})
    command = [str(python), "-I", "-S", "-c", PROBE, *modules]
    done = subprocess.run(command, capture_output=True, text=True, env={}, check=False)
    if done.returncode:
        raise SandboxUnavailable(f"{python} cannot run the sandbox's supervisor: {done.stderr.strip()[-500:]}")
    version, maps, files, landmark = ast.literal_eval(done.stdout)
    library = Path(landmark).parent
    inner = target / "lib" / f"python{version[0]}.{version[1]}"
    (target / "bin").mkdir()
    (inner / "lib-dynload").mkdir(parents=True)
    shutil.copy2(os.path.realpath(python), target / "bin" / python.name)
    for file in map(Path, files):
        if file.is_relative_to(library):
            place = inner / file.relative_to(library)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, place)
            if file.suffix == ".py":
                py_compile.compile(str(place), doraise=True)
    loader = _libraries([Path(path) for path in maps], python, library, target / "lib")
    for program in programs:
        py_compile.compile(str(program), cfile=str(target / f"{program.stem}.pyc"), doraise=True)
    return loader


def _libraries(maps: Sequence[Path], python: Path, library: Path, target: Path) -> str:
    """Copy the shared libraries of a process that had those files in its memory; the dynamic loader's name."""
    loader = ""
    own = {os.path.realpath(python)}
    for path in maps:
        if os.path.realpath(path) in own or path.is_relative_to(library) or not _is_shared(path):
            continue
        shutil.copy2(path, target / path.name)
        for alias in _aliases(path):  # under which programs may ask for it
            (target / alias).symlink_to(path.name)
        if path.name.startswith(("ld-linux", "ld-musl", "ld64", "ld-2", "ld.so")):
            loader = path.name
    if not loader:
        raise SandboxUnavailable(f"{python} is linked in a way that cannot be taken into a container.")
    return loader


def _aliases(path: Path) -> Iterator[str]:
    for entry in path.parent.glob(f"{path.name.partition('.so')[0]}.so*"):
        if entry.is_symlink() and os.path.realpath(entry) == os.path.realpath(path):
            yield entry.name


def _is_shared(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(18)
    return head[:4] == b"\x7fELF" and head[16] == 3


def _imported(program: Path) -> Iterator[str]:
    """The modules that a program imports anywhere, also late, but not those that only type checkers see."""
    waiting: list[ast.AST] = [ast.parse(program.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
