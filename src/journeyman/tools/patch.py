"""Edit files with the apply_patch envelope."""

from journeyman.core.errors import NoSuchFile, ToolError
from journeyman.core.events import FilesChanged
from journeyman.repo.patch import APPLY_PATCH_GRAMMAR, APPLY_PATCH_HELP, Applied, apply, parse
from journeyman.sandbox.protocol import Sandbox
from journeyman.tools.registry import Arguments, Outcome, Tool, ToolContext


class PatchArguments(Arguments):
    patch: str


async def apply_patch(context: ToolContext, arguments: PatchArguments) -> Outcome:
    """Apply a patch to the workspace: all of it or, on any mismatch, nothing."""
    patch = parse(arguments.patch)
    contents = {path: await _contents(context.sandbox, path) for path in patch.reads}
    applied = apply(patch, contents)
    await write(context.sandbox, applied, contents)
    touched = tuple(change.path for change in applied.changes)
    return Outcome(applied.summary, FilesChanged(changes=applied.changes), touched=touched)


async def write(sandbox: Sandbox, applied: Applied, contents: dict[str, bytes | None]) -> None:
    """Write what a patch came to; when a write fails, put back what was written before it."""
    done: list[str] = []
    try:
        for path, data in applied.writes.items():
            done.append(path)
            await sandbox.write(path, data)
        for path in applied.deletes:
            done.append(path)
            await sandbox.remove(path)
    except ToolError:
        for path in done:
            before = contents.get(path)
            if before is not None:
                await sandbox.write(path, before)
        raise


async def _contents(sandbox: Sandbox, path: str) -> bytes | None:
    """The file's bytes, or None where there is no such file."""
    try:
        return await sandbox.read(path)
    except NoSuchFile:
        return None


PATCH = Tool(
    name="apply_patch",
    description=APPLY_PATCH_HELP,
    arguments=PatchArguments,
    run=apply_patch,
    summary=lambda arguments: "edit files",
    grammar=APPLY_PATCH_GRAMMAR,
    freeform="patch",
)
