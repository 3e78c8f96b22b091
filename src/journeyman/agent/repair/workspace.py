"""Reading the workspace of an attempt: its paths, and the texts that a search for a fault needs."""

from dataclasses import dataclass, field

from journeyman.agent.repair.locate import Evidence, frames_of, imported, is_source, is_test, named_paths
from journeyman.agent.repair.validate import Goal, decoded
from journeyman.core.errors import ToolError
from journeyman.sandbox.protocol import Sandbox

MAX_PATHS = 20_000
MAX_TEXT = 400_000
SEARCHED = 300
"""Source files that are read when only words of the request tell where to look."""

_SKIPPED = ("node_modules", ".git", ".venv", "venv", "__pycache__", ".tox", "dist", "build", "target")


@dataclass(slots=True)
class Files:
    """The text files of a sandbox, each read once."""

    sandbox: Sandbox
    paths: list[str] = field(default_factory=list[str])
    texts: dict[str, str] = field(default_factory=dict[str, str])

    async def list(self) -> None:
        prune = [word for name in _SKIPPED for word in ("-name", name, "-o")][:-1]
        argv = ["find", ".", "(", *prune, ")", "-prune", "-o", "-type", "f", "-size", "-1024k", "-print0"]
        found = await self.sandbox.exec(argv, timeout=30, keep=4 * 1024 * 1024)
        names = found.output.split(b"\0")[:MAX_PATHS]
        self.paths = sorted(name[2:].decode("utf-8", "replace") for name in names if name.startswith(b"./"))

    async def get(self, path: str) -> str:
        """The text of a file; empty for what is missing, too large or no text."""
        if path not in self.texts:
            try:
                data = await self.sandbox.read(path, limit=MAX_TEXT)
            except (ToolError, OSError):
                data = b""
            self.texts[path] = decoded(data) or ""
        return self.texts[path]


async def evidence_of(files: Files, prompt: str, goal: Goal | None) -> Evidence:
    """What the request, the failing tests and their imports say about the place of a fault."""
    failing_files: list[str] = []
    frames: list[tuple[str, int]] = []
    if goal is not None:
        named = dict.fromkeys(test.split("::", 1)[0] for test in goal.failing)
        failing_files = [path for path in named if path in files.paths]
        for test in [test for test in goal.run.failing if test.id not in goal.aside][:20]:
            frames += frames_of(test.message, files.paths)
        failing_files = failing_files or list(dict.fromkeys(path for path, _ in frames if is_test(path)))
        if not failing_files:
            failing_files = [path for path in files.paths if is_test(path)][:20]
    wanted: list[str] = [*named_paths(prompt, files.paths), *failing_files, *(path for path, _ in frames)]
    seen: set[str] = set()
    for _ in range(3):
        fresh = [path for path in dict.fromkeys(wanted) if path not in seen][:100]
        seen.update(fresh)
        wanted = list[str]()
        for path in fresh:
            wanted += imported(path, await files.get(path), files.paths)
    if not any(is_source(path) for path in seen):
        for path in [path for path in files.paths if is_source(path)][:SEARCHED]:
            await files.get(path)
    return Evidence(prompt, files.paths, files.texts, failing_files, [frame for frame in frames if is_source(frame[0])])
