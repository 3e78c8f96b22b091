"""Where the fault probably is: names in the request, imports of the failing tests, tracebacks, executed lines."""

import ast
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from journeyman.agent.repair.language import functions_of

SOURCES = (
    ".py", ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx", ".go", ".rs", ".java", ".c", ".cc", ".cpp",
    ".h", ".hpp", ".rb", ".sh", ".bash", ".php", ".kt", ".cs", ".swift", ".lua", ".pl", ".pm", ".awk",
)  # fmt: skip
_TEST_FOLDERS = {"test", "tests", "testing", "__tests__", "spec"}
_TEST_NAME = re.compile(r"^(test_.*|.*_test|.*\.(test|spec)|conftest)$")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PATH = re.compile(r"[\w./-]+\.\w{1,4}")
_JS_IMPORT = re.compile(r"""(?:require\(\s*|from\s+|import\s+)['"](\.{1,2}/[^'"]+)['"]""")
_JS_ENDS = ("", ".js", ".mjs", ".cjs", ".ts", ".tsx", "/index.js", "/index.ts")
_LOCAL = re.compile(
    r"""(?:^|\n)[ \t]*(?:\#[ \t]*include[ \t]*"([^"\n]+)\""""
    r"""|(?:source|\.|sh|bash)[ \t]+"?(?:\$\w+/|\./)?([\w./-]+\.\w+)"?"""
    r"""|require_relative[ \t]*\(?[ \t]*['"]([\w./-]+)['"])"""
)
_FRAME = re.compile(r"(?<![\w./-])(/?(?:[\w.@+-]+/)*[\w.-]+\.\w{1,4})(?:\", line |:)(\d+)")

BESIDE = 0.6
"""How suspicious a line is that is in none of the functions that the request names, where it names some."""
NOT_RUN = 0.1
"""How suspicious a statement is that no failing test runs, where it is known what they run."""


@dataclass(slots=True)
class Suspect:
    """A file, how suspicious it is, its suspicious functions (lines by name) and a factor for each line.

    `named` are those of the functions that the request names and that run, where that is known.
    """

    path: str
    score: float
    functions: dict[str, range] = field(default_factory=dict[str, range])
    lines: dict[int, float] = field(default_factory=dict[int, float])
    named: frozenset[str] = frozenset()

    def ordered(self) -> list[str]:
        """The functions, those that the request names first, then the most suspicious."""
        worst = {
            name: max((self.lines.get(at, 0.0) for at in lines), default=0.0) for name, lines in self.functions.items()
        }
        return sorted(worst, key=lambda name: (name not in self.named, -worst[name]))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known before a fault is looked for.

    `texts` are the files that may be read, by path; `frames` are places of tracebacks in the order of the failing
    tests; `covered` has the executed lines by test, `failing` says which of those tests failed.
    """

    prompt: str
    paths: Sequence[str]
    texts: Mapping[str, str]
    failing_files: Sequence[str]
    frames: Sequence[tuple[str, int]] = ()
    covered: Mapping[str, Mapping[str, Sequence[int]]] = field(default_factory=dict[str, Mapping[str, Sequence[int]]])
    failing: frozenset[str] = frozenset()


def is_test(path: str) -> bool:
    *folders, name = path.split("/")
    return bool(_TEST_FOLDERS & set(folders)) or bool(_TEST_NAME.match(name.rsplit(".", 1)[0]))


def is_source(path: str) -> bool:
    return path.endswith(SOURCES) and not is_test(path)


def frames_of(message: str, paths: Sequence[str]) -> list[tuple[str, int]]:
    """Places in files of the workspace that a runner's text names."""
    known = set(paths)
    found: list[tuple[str, int]] = []
    for match in _FRAME.finditer(message[:20_000]):
        path, line = match[1], int(match[2])
        inside = path if path in known else next((one for one in paths if path.endswith("/" + one)), None)
        if inside is not None:
            found.append((inside, line))
    return found


def named_paths(prompt: str, paths: Sequence[str]) -> list[str]:
    """Files that the request names, by path, by file name or as a dotted module."""
    named: list[str] = []
    for word in _PATH.findall(prompt):
        word = word.strip("./")
        named += [path for path in paths if path == word or path.endswith("/" + word)]
    dotted = {word.strip(".") for word in re.findall(r"[\w.]+", prompt) if "." in word.strip(".")}
    named += [path for path in paths if path.removesuffix(".py").replace("/", ".") in dotted and path.endswith(".py")]
    return list(dict.fromkeys(named))


def imported(path: str, text: str, paths: Sequence[str]) -> list[str]:
    """The workspace's files that a file imports."""
    if path.endswith(".py"):
        wanted = _python_imports(path, text)
    else:
        folder = path.rsplit("/", 1)[0] + "/" if "/" in path else ""
        wanted = [_normal(folder + match[1]) for match in _JS_IMPORT.finditer(text)]
        # In TypeScript a module is imported by the name that it has once it is compiled.
        wanted += [re.sub(r"\.([cm]?)js$", r".\1ts", base) for base in wanted]
        wanted = [base + end for base in wanted for end in _JS_ENDS]
        named = [part for match in _LOCAL.finditer(text) for part in match.groups() if part]
        stems = [part.removesuffix(".h") for part in named if part.endswith(".h")]
        named += [stem + end for stem in stems for end in (".c", ".cc", ".cpp")] + [f"{part}.rb" for part in named]
        wanted += [_normal(base + part) for part in named for base in dict.fromkeys((folder, ""))]
    known = set(paths)
    found = [name for name in wanted if name in known]
    roots = {name.split("/", 1)[0] for name in paths if "/" in name}
    found += [
        f"{root}/{name}" for name in wanted for root in ("src", "lib") if root in roots and f"{root}/{name}" in known
    ]
    return list(dict.fromkeys(found))


def _python_imports(path: str, text: str) -> list[str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return []
    names: list[str] = []
    folders = path.split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name.replace(".", "/") for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            above = folders[: len(folders) - node.level + 1] if node.level else []
            base = "/".join([*above, *(node.module or "").split(".")]).strip("/")
            names += [base, *(f"{base}/{alias.name}" for alias in node.names)]
    return [name + end for name in names for end in (".py", "/__init__.py")]


def _normal(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", ".", ".."):
            parts.append(part)
    return "/".join(parts)


def locate(evidence: Evidence, limit: int = 3) -> list[Suspect]:
    """The most suspicious source files, most suspicious first."""
    scores: defaultdict[str, float] = defaultdict(float)
    for path in named_paths(evidence.prompt, evidence.paths):
        scores[path] += 10
    for test in evidence.failing_files:
        first = imported(test, evidence.texts.get(test, ""), evidence.paths)
        for path in first:
            scores[path] += 3
            for deeper in imported(path, evidence.texts.get(path, ""), evidence.paths):
                scores[deeper] += 0.5
        stem = re.sub(r"(^test_|_test$|\.(test|spec)$)", "", test.rsplit("/", 1)[-1].rsplit(".", 1)[0])
        for path in evidence.paths:
            if path.rsplit("/", 1)[-1].rsplit(".", 1)[0] == stem:
                scores[path] += 2
    for path, _ in evidence.frames:
        scores[path] += 3 / max(len(evidence.frames), 1)
    spectrum = ochiai(evidence)
    for path, lines in spectrum.items():
        scores[path] += 4 * max(lines.values(), default=0.0)
    words = set(_WORD.findall(evidence.prompt))
    for path in list(scores) if scores else [path for path in evidence.texts if is_source(path)]:
        if words & {name.split(".")[-1] for name in functions_of(path, evidence.texts.get(path, ""))}:
            scores[path] += 4
    ranked = sorted((path for path in scores if is_source(path)), key=lambda path: (-scores[path], path))
    return [
        suspect_of(path, scores[path], evidence, spectrum.get(path, {}), words)
        for path in ranked[:limit]
        if evidence.texts.get(path, "").strip()
    ]


def suspect_of(path: str, score: float, evidence: Evidence, spectrum: Mapping[int, float], words: set[str]) -> Suspect:
    """The functions and lines of one file that the evidence points to; without evidence all of them."""
    functions = functions_of(path, evidence.texts.get(path, ""))
    framed = [line for place, line in evidence.frames if place == path]
    chosen = {
        name: lines
        for name, lines in functions.items()
        if name.split(".")[-1] in words
        or any(line in lines for line in framed)
        or any(line in lines for line in spectrum)
    }
    factors = {line: 0.4 + 0.6 * value for line, value in spectrum.items()}
    if spectrum and path.endswith(".py"):
        starts = statements_of(evidence.texts.get(path, ""))
        for line in (line for lines in chosen.values() for line in lines):
            factors.setdefault(line, factors.get(starts.get(line, line), NOT_RUN))
    for line in framed:
        factors[line] = factors.get(line, 1.0) * 1.3
    named = {name: lines for name, lines in functions.items() if name.split(".")[-1] in words}
    for lines in chosen.values() if named else ():
        for line in lines:
            if not any(line in part for part in named.values()):
                factors[line] = factors.get(line, 1.0) * BESIDE
    run = frozenset(name for name, lines in named.items() if not spectrum or any(line in spectrum for line in lines))
    return Suspect(path, score, chosen or functions, factors, run)


def statements_of(text: str) -> dict[int, int]:
    """For each line of a Python file the first line of the innermost statement it is of; of a function's head that of
    what runs first in it."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    starts: dict[int, int] = {}
    for node in ast.walk(tree):  # the outer ones come first
        if isinstance(node, ast.stmt):
            starts.update(dict.fromkeys(range(node.lineno, (node.end_lineno or node.lineno) + 1), node.lineno))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = (
                node.body[1:] if len(node.body) > 1 and ast.get_docstring(node, clean=False) is not None else node.body
            )
            starts.update(dict.fromkeys(range(node.lineno, body[0].lineno), body[0].lineno))
    return starts


def ochiai(evidence: Evidence) -> dict[str, dict[int, float]]:
    """For each executed line of a source file how well its execution goes with failure, from 0 to 1.

    Ochiai's coefficient of Abreu et al., 2007: ef / sqrt(all failing * (ef + ep)).
    """
    failed: defaultdict[tuple[str, int], int] = defaultdict(int)
    passed: defaultdict[tuple[str, int], int] = defaultdict(int)
    all_failing = 0
    for test, by_path in evidence.covered.items():
        failing = test in evidence.failing
        all_failing += failing
        for path, lines in by_path.items():
            if is_source(path):
                for line in set(lines):
                    (failed if failing else passed)[path, line] += 1
    spectrum: defaultdict[str, dict[int, float]] = defaultdict(dict)
    for (path, line), count in failed.items():
        spectrum[path][line] = count / math.sqrt(all_failing * (count + passed[path, line]))
    return dict(spectrum)
