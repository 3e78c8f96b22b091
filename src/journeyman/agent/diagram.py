"""A diagram made from the index: which files, or folders, of a repository import or call each other."""

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from journeyman.repo.index.index import ASIDE, Index, Place
from journeyman.repo.index.languages import LANGUAGES

NODES = 14
EDGES = 30
FOCUS = 8
"""Files of the places that fit the question."""
ASKED = re.compile(
    r"\b(?:diagrams?|mermaid|flow ?charts?|draw|graph of|dependency graph|call graph|sequence chart)\b|图",
    re.IGNORECASE,
)
_TARGET = re.compile(r"[\"'<]([^\"'>]+)[\">']")
_PYTHON_FROM = re.compile(r"from\s+(\.*[\w.]*)\s+import\s+(.+)", re.DOTALL)
_NAME = re.compile(r"[\w.]+")
_C = (".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx")

Edges = Counter[tuple[str, str]]


def asked(question: str) -> bool:
    """Whether a person wants a diagram."""
    return ASKED.search(question) is not None


async def drawn(index: Index, places: Sequence[Place], question: str = "") -> str:
    """The source of a flowchart: of the files that `places` are in where they have to do with each other, else of the
    folders of the repository. Empty where nothing depends on anything."""
    code = {path for path, file in index.files.items() if file.language in LANGUAGES}
    edges = imported(await index.imports(), code)
    named = [path for path in code if path in question or _folder_named(path, question)]
    focus = list(dict.fromkeys([*named[:NODES], *(place.path for place in places if place.path in code)]))
    focus = focus[: max(FOCUS, min(len(named), NODES))]
    near = Counter({edge: count for edge, count in edges.items() if edge[0] in focus and edge[1] in focus})
    near.update(await _called(index, focus))
    if len(near) >= 2:
        return flowchart(near)
    return flowchart(folders(edges))


def _folder_named(path: str, question: str) -> bool:
    folder = posixpath.dirname(path)
    return "/" in folder and folder in question


async def _called(index: Index, files: Sequence[str]) -> Edges:
    """Calls from one of some files to what another one defines, where only that one defines it."""
    owner: dict[str, set[str]] = defaultdict(set)
    for place in await index.definitions(files):
        owner[place.name].add(place.path)
    edges: Edges = Counter()
    for path, names in (await index.calls(files)).items():
        for name in names:
            if owner.get(name, set()) - {path} and len(owner[name]) == 1:
                edges[path, next(iter(owner[name]))] += 1
    return edges


def imported(imports: Mapping[str, Sequence[str]], files: Collection[str]) -> Edges:
    """Which file imports which, as far as what is written there names a file of the repository."""
    by_end: dict[str, list[str]] = defaultdict(list)
    for path in files:
        stem = posixpath.splitext(path)[0]
        for ending in ("/__init__", "/index", "/mod"):
            stem = stem.removesuffix(ending)
        pieces = stem.split("/")
        for at in range(max(len(pieces) - 6, 0), len(pieces)):
            by_end["/".join(pieces[at:])].append(path)
            if path.endswith(".go") and at < len(pieces) - 1:  # a package is a folder
                by_end["/".join(pieces[at:-1])].append(path)
    edges: Edges = Counter()
    for path, written in imports.items():
        if path not in files:
            continue
        for text in written:
            for target in _targets(path, text):
                found = _resolved(target, by_end, path)
                if found is not None and found != path:
                    edges[path, found] += 1
                    break
    return edges


def _targets(path: str, text: str) -> list[str]:
    """Paths without an ending that an import may mean, the likeliest first."""
    folder = posixpath.dirname(path)
    if found := _PYTHON_FROM.match(text):
        dots = len(found[1]) - len(found[1].lstrip("."))
        module = found[1].lstrip(".").replace(".", "/")
        for _ in range(dots - 1):
            folder = posixpath.dirname(folder)
        base = posixpath.join(folder, module) if dots else module
        first = _NAME.search(found[2].lstrip("( \n"))
        return [posixpath.join(base, first[0]) if first else base, base.rstrip("/")]
    quoted = _TARGET.search(text)
    if quoted is not None:
        target = quoted[1]
        if target.startswith("."):
            target = posixpath.normpath(posixpath.join(folder, target))
            return [posixpath.splitext(target)[0], target]
        stem = posixpath.splitext(target)[0] if path.endswith(_C) else target
        pieces = stem.split("/")
        return ["/".join(pieces[at:]) for at in range(len(pieces)) if at == 0 or len(pieces) - at > 1]
    name = _NAME.match(text.replace("::", ".").removeprefix("crate."))
    target = name[0].strip(".").replace(".", "/") if name else ""
    return [target, posixpath.dirname(target)] if target else []


def _resolved(target: str, by_end: Mapping[str, Sequence[str]], near: str) -> str | None:
    """The file that ends in `target`; of several the one nearest to who imports it."""
    found = by_end.get(target, ())
    if "/" not in target:  # else every `import re` would be a file re.py of some corner
        found = [path for path in found if path.count("/") <= 1 or posixpath.dirname(path) == posixpath.dirname(near)]
    if not found:
        return None
    return min(found, key=lambda path: (-len(posixpath.commonprefix([path, near])), len(path), path))


def folders(edges: Edges) -> Edges:
    """The same between folders, as deep as there are not too many of them."""
    plain = Counter({edge: count for edge, count in edges.items() if not any(ASIDE.search(path) for path in edge)})
    best: Edges = Counter()
    for depth in range(1, 6):
        found: Edges = Counter()
        for (one, other), count in (plain or edges).items():
            ends = [_folder(path, depth) for path in (one, other)]
            if ends[0] != ends[1]:
                found[ends[0], ends[1]] += count
        nodes = {end for edge in found for end in edge}
        if best and len(nodes) > NODES:
            break
        best = found or best
    return best


def _folder(path: str, depth: int) -> str:
    return "/".join(path.split("/")[:depth])


def flowchart(edges: Edges) -> str:
    """Mermaid's flowchart of the strongest edges; empty without any."""
    kept: list[tuple[str, str]] = []
    nodes: dict[str, str] = {}
    for (one, other), _ in sorted(edges.items(), key=lambda item: (-item[1], item[0])):
        fresh = [end for end in (one, other) if end not in nodes]
        if len(nodes) + len(fresh) > NODES or len(kept) == EDGES:
            continue
        for end in fresh:
            nodes[end] = f"n{len(nodes)}"
        kept.append((one, other))
    if not kept:
        return ""
    lines = [f'    {key}["{_label(name)}"]' for name, key in nodes.items()]
    lines += [f"    {nodes[one]} --> {nodes[other]}" for one, other in sorted(kept)]
    return "\n".join(["flowchart LR", *lines])


def _label(name: str) -> str:
    return re.sub(r"[^\w./ -]", "_", name)[-80:]
