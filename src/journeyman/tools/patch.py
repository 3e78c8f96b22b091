"""Edit files with the apply_patch envelope."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from journeyman.core.errors import NoSuchFile, ToolError
from journeyman.core.events import FilesChanged
from journeyman.repo.patch_grammar import APPLY_PATCH_GRAMMAR, APPLY_PATCH_HELP
from journeyman.sandbox.protocol import Sandbox
from journeyman.tools.registry import Arguments, Outcome, Tool, ToolContext

if TYPE_CHECKING:
    from journeyman.repo.patch.apply import Applied


class PatchArguments(Arguments):
    patch: str


async def apply_patch(context: ToolContext, arguments: PatchArguments) -> Outcome:
    """Apply a patch to the workspace: all of it or, on any mismatch, nothing."""
    return await apply_text(context, arguments.patch)


async def apply_text(context: ToolContext, text: str, cwd: str = "") -> Outcome:
    """Apply the patch in `text`, whose relative paths start at `cwd`. Raises `PatchError` with a way to mend it."""
    from journeyman.repo.patch.apply import apply
    from journeyman.repo.patch.parse import parse

    patch = parse(text, root=context.root, cwd=cwd)
    contents: dict[str, bytes | None] = {}
    folders: list[str] = []
    for path in patch.reads:
        contents[path] = await _contents(context.sandbox, path)
        if contents[path] is None and await _is_folder(context.sandbox, path):
            folders.append(path)
    applied = apply(patch, contents, directories=folders)
    executable = {to for source, to in applied.moves if await _is_executable(context.sandbox, source)}
    await _write(context.sandbox, applied, contents, executable)
    touched = tuple(change.path for change in applied.changes)
    summary = "\n".join((applied.summary, *applied.notes))
    return Outcome(summary, FilesChanged(changes=applied.changes), touched=touched)


async def _write(
    sandbox: Sandbox, applied: "Applied", contents: Mapping[str, bytes | None], executable: Collection[str]
) -> None:
    """Write what a patch came to; when a write fails, put back what was there before."""
    done: list[str] = []
    try:
        for path, data in applied.writes.items():
            done.append(path)
            await sandbox.write(path, data, executable=True if path in executable else None)
        for path in applied.deletes:
            done.append(path)
            await sandbox.remove(path)
    except ToolError:
        for path in done:
            before = contents.get(path)
            with suppress(ToolError):
                await (sandbox.remove(path) if before is None else sandbox.write(path, before))
        raise


async def _contents(sandbox: Sandbox, path: str) -> bytes | None:
    """The file's bytes, or None where there is no such file."""
    try:
        return await sandbox.read(path)
    except NoSuchFile:
        return None
    except ToolError:
        if await _is_folder(sandbox, path):
            return None
        raise


async def _is_folder(sandbox: Sandbox, path: str) -> bool:
    return (await sandbox.exec(["test", "-d", path], timeout=10)).exit_code == 0


async def _is_executable(sandbox: Sandbox, path: str) -> bool:
    return (await sandbox.exec(["test", "-x", path], timeout=10)).exit_code == 0


PATCH = Tool(
    name="apply_patch",
    description=APPLY_PATCH_HELP,
    arguments=PatchArguments,
    run=apply_patch,
    summary=lambda arguments: "edit files",
    grammar=APPLY_PATCH_GRAMMAR,
    freeform="patch",
)
