"""Which directories of the host a project's commands need inside the sandbox, beyond /usr.

Found by looking at files only: nothing is run, neither a version manager's shim nor a Python. A directory becomes
readable inside only when its own content shows that it is a toolchain, and never one that holds the home directory,
so that a repository cannot name the person's keys as its "Python" (`home = …` in a `.venv/pyvenv.cfg` of its own).
"""

import json
import os
import re
import tomllib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from journeyman.core.text import decode, one_line
from journeyman.sandbox.protocol import Toolchain

SYSTEM = (Path("/usr"), Path("/bin"), Path("/sbin"), Path("/lib"), Path("/lib64"))
"""What every sandbox shows anyway."""

_PRIVATE = ("pip.conf", ".condarc", "condarc", ".npmrc", ".netrc", ".pypirc", ".env", ".git-credentials", ".yarnrc.yml")
"""Files that may hold a password and may lie at the top of a toolchain."""

_KERNEL = (Path("/proc"), Path("/sys"), Path("/dev"), Path("/etc"), Path("/run"))
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(?:/envs/[A-Za-z0-9._+-]+)?\Z")
_TOOLS = ("python", "nodejs", "node", "golang", "go", "java")


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found, in the order of PATH inside, and sentences on what was left out."""

    toolchains: tuple[Toolchain, ...]
    left_out: tuple[str, ...]


def find_toolchains(
    path: str, workspace: Path, home: Path, *, virtual_env: Path | None, own_prefix: Path
) -> tuple[Toolchain, ...]:
    """The toolchains of `survey`, the one to be first on PATH first. One without `bin` only has to be readable."""
    return survey(path, workspace, home, virtual_env=virtual_env, own_prefix=own_prefix).toolchains


def survey(path: str, workspace: Path, home: Path, *, virtual_env: Path | None, own_prefix: Path) -> Survey:
    """Look at the project's own environment, `virtual_env` ($VIRTUAL_ENV), each entry of `path` ($PATH) and, last,
    the environment that Journeyman runs in (`own_prefix`), which has a Python with pytest on the barest machine.
    """
    search = _Search(workspace.resolve(), home, home.resolve())
    for name in (".venv", "venv"):
        folder = search.workspace / name
        with search.allowed(folder):
            if (folder / "pyvenv.cfg").is_file() and search.project_environment(folder):
                break
    own = own_prefix.resolve()
    if virtual_env is not None and virtual_env.is_absolute() and virtual_env.resolve() != own:
        with search.allowed(virtual_env):
            search.python(virtual_env, "the active virtual environment")
    for entry in dict.fromkeys(path.split(":")):
        with search.allowed(Path(entry)):
            search.path_entry(Path(entry))
    search.python(own_prefix, "Journeyman's own", ours=True)
    return Survey(tuple(search.found), tuple(search.left_out))


def python_with(module: str, toolchains: Iterable[Toolchain]) -> Toolchain | None:
    """The first toolchain with a Python that has `module` installed, by a look at its files."""
    return next((each for each in toolchains if any(_has_module(folder, module) for folder in each.bin)), None)


def first_python(toolchains: Iterable[Toolchain]) -> Toolchain | None:
    """The toolchain that `python` comes from inside."""
    return next((each for each in toolchains if any(_pythons(folder) for folder in each.bin)), None)


def reorder(toolchains: Sequence[Toolchain], first: Toolchain, module: str) -> tuple[Toolchain, ...]:
    """`toolchains` with `first` at the head of PATH and a note that it is there for `module`; unchanged when its
    Python comes first anyway."""
    before = first_python(toolchains)
    if before is None or before == first:
        return tuple(toolchains)
    rest = tuple(each for each in toolchains if each != first)
    why = f"put first for its {module}" + (f", which {before.note} lacks" if before.note else "")
    return (replace(first, note=f"{first.note}, {why}"), *rest)


@dataclass(slots=True)
class _Search:
    workspace: Path
    home: Path
    real_home: Path
    found: list[Toolchain] = field(default_factory=list[Toolchain])
    left_out: list[str] = field(default_factory=list[str])

    @contextmanager
    def allowed(self, folder: Path) -> Generator[None]:
        """What leads to a place that this user may not see is left out: an entry of PATH that is another user's."""
        try:
            yield
        except PermissionError:
            self.left_out.append(f"{self.show(folder)} is left out: it leads to what may not be read.")

    def project_environment(self, folder: Path) -> bool:
        """The project's own virtual environment lies in the workspace; only its Python has to be made readable."""
        if not folder.resolve().is_relative_to(self.workspace):
            return self.python(folder.resolve(), f"the project's {folder.name}")
        base = _base_of(folder)
        if base is None or not (base / "bin").is_dir() or not _python_version(base):
            self.left_out.append(f"{self.show(folder)} is left out: the Python that it was made with is not there.")
            return False
        note = f"Python {_python_version(base)} of the project's {folder.name}"
        if _is_system(base.resolve()):
            self.found.append(Toolchain(Path("/usr"), (folder / "bin",), note))
            return True
        roots = self.roots(base)
        if not roots:
            self.left_out.append(f"{self.show(folder)} is left out: its Python in {self.show(base)} is not used.")
            return False
        self.found.append(Toolchain(roots[0], (folder / "bin",), note))
        self.found.extend(Toolchain(root) for root in roots[1:])
        return True

    def path_entry(self, entry: Path) -> None:
        """Sort one entry of PATH in, or say that it is left out."""
        if not entry.is_absolute() or not entry.is_dir():
            return
        real = entry.resolve()
        if entry.name == "shims":
            self.shims(entry)
        elif entry.parts[-3:] == ("pyenv-virtualenv", "shims") or entry.parts[-2:] == (".pyenv", "bin"):
            return
        elif _is_system(real):
            self.system(real)
        elif real.is_relative_to(self.workspace):
            return
        elif (real / "rustup").exists() and (real / "cargo").exists():
            self.rust(real.parent)
        elif (real / "volta-shim").exists():
            self.volta(real.parent)
        elif real.is_relative_to("/nix/store"):
            self.add(Path("/nix/store"), real, f"{self.show(entry)} of Nix")
        elif not self.recognised(real.parent, entry.parent):
            self.python_behind(entry)

    def python_behind(self, entry: Path) -> None:
        """A folder of links, such as ~/.local/bin: it stays outside, but a Python that a link leads to comes in."""
        for name in ("python3", "python"):
            program = entry / name
            outside = program.is_file() and not _is_system(program.resolve())
            if outside and program.resolve().parent.name == "bin" and self.python(program.resolve().parent.parent, ""):
                break
        self.left_out.append(f"{self.show(entry)} is left out of PATH: it is not a toolchain that is known.")

    def system(self, folder: Path) -> None:
        """A folder below /usr: readable anyway, but its Python has its place in the order."""
        if (folder / "python3").exists():
            version = _program_version(folder / "python3")
            self.add(Path("/usr"), folder, f"Python {version} of the system".replace("  ", " "))
        java = (folder / "java").resolve().parent.parent
        if java.is_relative_to("/usr"):
            for link in (java / "conf", java / "lib" / "security"):
                target = link.resolve()
                if target.is_relative_to("/etc") and target.relative_to("/etc").parts[0].startswith("java"):
                    self.add(Path("/etc") / target.relative_to("/etc").parts[0], None, "")

    def recognised(self, prefix: Path, shown: Path) -> bool:
        """Add the toolchain whose programs lie in `prefix`/bin, if it is one."""
        if _python_version(prefix) or (prefix / "pyvenv.cfg").is_file():
            return self.python(shown, "")
        note = _kind(prefix)
        if note is None:
            return False
        roots = self.roots(prefix)
        for number, root in enumerate(roots):
            self.add(root, prefix / "bin" if not number else None, f"{note} of {self.show(_manager(prefix))}")
        return bool(roots)

    def python(self, prefix: Path, what: str, *, ours: bool = False) -> bool:
        """Add a Python installation or a virtual environment, with the installation that it was made from."""
        base = _base_of(prefix) if (prefix / "pyvenv.cfg").is_file() else prefix
        if base is None or not _python_version(base):
            return False
        version = _python_version(base)
        name = f"{what} ({self.show(prefix)})" if what and not ours else self.show(_manager(prefix))
        note = f"Journeyman's own Python {version}" if ours else f"Python {version} of {name}"
        if _is_system(prefix.resolve()):
            self.add(Path("/usr"), prefix / "bin", note)
            return True
        roots = self.roots(prefix)
        if not roots:
            return False
        for number, root in enumerate(roots):
            self.add(root, prefix / "bin" if not number else None, note)
        if base != prefix and not _is_system(base.resolve()):
            for root in self.roots(base):
                self.add(root, None, "")
        return True

    def shims(self, folder: Path) -> None:
        """A version manager's shims become the folders that they would lead to: faster, and the shims need a shell."""
        root = folder.parent
        if (root / "versions").is_dir():
            for version in self.pyenv_versions(root):
                self.python(root / "versions" / version, "")
        elif (root / "installs").is_dir():
            for tool, version in self.tool_versions():
                installed = _best(root / "installs" / tool, version)
                if installed is not None:
                    self.recognised(installed.resolve(), installed)

    def pyenv_versions(self, root: Path) -> list[str]:
        """What pyenv would take in the workspace: its .python-version, or one above it, or the global choice."""
        for file in (*(folder / ".python-version" for folder in self.upwards()), root / "version"):
            words = _read(file).split()
            names = [found.name for word in words if (found := _best(root / "versions", word)) is not None]
            if names:
                return names
            if words and words != ["system"]:
                wanted = one_line(" ".join(words), 60)
                self.left_out.append(f"Python {wanted}, which {self.show(file)} asks for, is not installed in pyenv.")
        return []

    def tool_versions(self) -> Iterator[tuple[str, str]]:
        """Tools and versions that asdf or mise would take in the workspace."""
        seen: set[str] = set()
        for folder in (*self.upwards(), self.home, self.home / ".config" / "mise"):
            chosen: list[tuple[str, str]] = []
            for line in _read(folder / ".tool-versions").splitlines():
                words = line.split("#")[0].split()
                chosen += [(words[0], words[1])] if len(words) > 1 else []
            for name in ("mise.toml", ".mise.toml", "config.toml"):
                chosen += _mise_tools(folder / name)
            for tool, version in chosen:
                if tool in _TOOLS and tool not in seen:
                    seen.add(tool)
                    yield tool, version

    def upwards(self) -> Iterator[Path]:
        return iter((self.workspace, *self.workspace.parents))

    def rust(self, cargo: Path) -> None:
        """The toolchain that rustup's proxies would run; ~/.cargo itself, with its credentials, stays outside."""
        rustup = self.home / ".rustup" if cargo.name == ".cargo" else cargo.parent / "rustup"
        for name in (*self.rust_wishes(), _toml(rustup / "settings.toml").get("default_toolchain"), "stable"):
            if isinstance(name, str) and (found := _best(rustup / "toolchains", name)) is not None:
                self.add(found, found / "bin", f"Rust {found.name.split('-')[0]} of {self.show(rustup)}")
                return
        self.left_out.append(f"{self.show(cargo / 'bin')} is left out of PATH: rustup has no toolchain installed.")

    def rust_wishes(self) -> Iterator[object]:
        for folder in self.upwards():
            yield _inner(_toml(folder / "rust-toolchain.toml"), ("toolchain", "channel"))
            yield _read(folder / "rust-toolchain").strip() or None

    def volta(self, root: Path) -> None:
        """The node that volta's shims would run."""
        wishes: list[object] = []
        for file, keys in (
            (self.workspace / "package.json", ("volta", "node")),
            (root / "tools" / "user" / "platform.json", ("node", "runtime")),
        ):
            wishes.append(_json(file, keys))
        for wish in wishes:
            if isinstance(wish, str) and (found := _best(root / "tools" / "image" / "node", wish)) is not None:
                self.recognised(found, found)
                return

    def roots(self, prefix: Path) -> list[Path]:
        """What to make readable of an installation: itself, and its real place if a link leads there.

        Its parts one by one when something beside them may hold a password; nothing when it holds the home directory
        or the workspace.
        """
        roots: list[Path] = []
        for place in dict.fromkeys((Path(os.path.normpath(prefix)), prefix.resolve())):
            if any(folder.is_relative_to(place) for folder in (self.workspace, self.home, self.real_home)):
                return []
            inside = place.is_relative_to(self.workspace) or _is_system(place)
            if inside or any(place.is_relative_to(folder) for folder in _KERNEL):
                continue
            if any((place / name).exists() for name in _PRIVATE) or (place / "etc" / "npmrc").exists():
                parts = sorted(entry for entry in place.iterdir() if entry.name not in (*_PRIVATE, "etc"))
                roots.extend(part for part in parts if part.is_dir() or part.name == "pyvenv.cfg")
            else:
                roots.append(place)
        return roots

    def add(self, root: Path, folder: Path | None, note: str) -> None:
        """Add a toolchain unless it is there."""
        if folder is not None:
            if all(folder not in each.bin for each in self.found):
                self.found.append(Toolchain(root, (folder,), note))
        elif all(root != each.root for each in self.found):
            self.found.append(Toolchain(root))

    def show(self, path: Path) -> str:
        """A path for a person, short."""
        for home in (self.home, self.real_home):
            if path.is_relative_to(home):
                return one_line(decode(os.fsencode(Path("~") / path.relative_to(home))), 100)
        return one_line(decode(os.fsencode(path)), 100)


def _is_system(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in SYSTEM)


def _base_of(environment: Path) -> Path | None:
    """The installation that a virtual environment was made from, as its pyvenv.cfg says."""
    found = re.search(r"^home\s*=\s*(/.*?)\s*$", _read(environment / "pyvenv.cfg"), re.MULTILINE)
    if found is None or "\0" in found[1]:
        return None
    folder = Path(os.path.normpath(found[1]))
    return folder.parent if folder.name == "bin" else None


def _python_version(prefix: Path) -> str:
    """The version of the Python installation at `prefix`; empty when it is none."""
    if not _pythons(prefix / "bin"):
        return ""
    for library in sorted((prefix / "lib").glob("python3.*"), reverse=True):
        if (library / "os.py").is_file() and (library / "encodings").is_dir():
            header = _read(prefix / "include" / library.name / "patchlevel.h")
            found = re.search(r'^#define PY_VERSION\s+"([^"]+)"', header, re.MULTILINE)
            return found[1] if found else library.name.removeprefix("python")
    return ""


def _program_version(program: Path) -> str:
    return program.resolve().name.removeprefix("python")


def _pythons(folder: Path) -> list[Path]:
    return [folder / name for name in ("python", "python3") if (folder / name).exists()]


def _kind(prefix: Path) -> str | None:
    """What the installation at `prefix` is, with its version; None for what is not known."""
    programs = prefix / "bin"
    if (programs / "node").is_file() and (prefix / "include" / "node" / "node.h").is_file():
        return f"Node {prefix.name.removeprefix('v') if prefix.name[-1:].isdigit() else ''}".strip()
    if (programs / "go").is_file() and (prefix / "VERSION").is_file() and (prefix / "src" / "runtime").is_dir():
        return f"Go {_read(prefix / 'VERSION').split()[0].removeprefix('go')}"
    if (programs / "java").is_file() and (prefix / "release").is_file() and (prefix / "lib").is_dir():
        found = re.search(r'^JAVA_VERSION="([^"]+)"', _read(prefix / "release"), re.MULTILINE)
        return f"Java {found[1]}" if found else "Java"
    if (programs / "rustc").is_file() and (prefix / "lib" / "rustlib").is_dir():
        return "Rust"
    if (prefix / "Cellar").is_dir() and (programs / "brew").exists():
        return "Homebrew"
    return None


def _manager(prefix: Path) -> Path:
    """The version manager's folder that `prefix` belongs to, or itself."""
    for index, part in enumerate(prefix.parts):
        if part in ("versions", "installs", "node-versions", "tools") and index > 1:
            return Path(*prefix.parts[:index])
    return prefix


def _best(folder: Path, wanted: str) -> Path | None:
    """The entry of `folder` called `wanted`, or the newest that begins with it ("3.11" for "3.11.7", "stable" …)."""
    if not _VERSION.match(wanted) or not folder.is_dir():
        return None
    if (folder / wanted).is_dir():
        return folder / wanted
    entries = [entry for entry in folder.iterdir() if entry.is_dir()]
    if wanted not in ("latest", "lts"):
        bare = wanted.removeprefix("v")
        entries = [entry for entry in entries if entry.name.removeprefix("v").startswith((f"{bare}.", f"{bare}-"))]
    return max(entries, key=lambda entry: [int(word) for word in re.findall(r"\d+", entry.name)], default=None)


def _has_module(folder: Path, module: str) -> bool:
    prefix = folder.parent
    if not _pythons(folder):
        return False
    prefixes = [prefix]
    if "true" in _read(prefix / "pyvenv.cfg").lower().partition("include-system-site-packages")[2].split("\n")[0]:
        prefixes += [base] if (base := _base_of(prefix)) is not None else []
    for place in prefixes:
        patterns = ["lib/python3*/site-packages"]
        if _is_system(place):
            patterns += ["lib/python3/dist-packages", "local/lib/python3*/dist-packages", "lib/python3*/dist-packages"]
        for packages in (found for pattern in patterns for found in place.glob(pattern)):
            if (packages / module / "__init__.py").is_file() or (packages / f"{module}.py").is_file():
                return True
    return False


def _read(file: Path, limit: int = 256 * 1024) -> str:
    """The text of a small regular file; empty for anything else."""
    try:
        if not file.is_file() or file.stat().st_size > limit:
            return ""
        return decode(file.read_bytes())
    except OSError:
        return ""


def _toml(file: Path) -> dict[str, object]:
    try:
        return dict(tomllib.loads(_read(file)))
    except tomllib.TOMLDecodeError:
        return {}


def _mise_tools(file: Path) -> list[tuple[str, str]]:
    table = _toml(file)
    versions = [(tool, _inner(table, ("tools", tool))) for tool in _TOOLS]
    return [(tool, version) for tool, version in versions if isinstance(version, str)]


def _json(file: Path, keys: Sequence[str]) -> object:
    try:
        return _inner(json.loads(_read(file) or "null"), keys)
    except (ValueError, RecursionError):
        return None


def _inner(value: object, keys: Sequence[str]) -> object:
    """What lies under `keys`, each one level deeper; None when a level is missing."""
    for key in keys:
        value = cast(dict[str, object], value).get(key) if isinstance(value, dict) else None
    return value
