"""Replace one piece of text in a file: the edit that small models get right more often than a patch."""

from difflib import SequenceMatcher

from pydantic import Field

from journeyman.core.errors import NoSuchFile, ToolError
from journeyman.core.events import FilesChanged
from journeyman.core.evidence import Change
from journeyman.tools.registry import Arguments, Outcome, Tool, ToolContext


class EditArguments(Arguments):
    path: str
    old: str = Field(description="exact text, once in the file; empty makes a new file")
    new: str


async def edit(context: ToolContext, arguments: EditArguments) -> Outcome:
    """Replace `old`, which must be there exactly once, by `new`."""
    path, old, new = arguments.path, arguments.old, arguments.new
    try:
        before = (await context.sandbox.read(path)).decode("utf-8", "surrogateescape")
    except NoSuchFile:
        if old:
            raise
        before = None
    if before is None:
        after = new
    elif not old:
        raise ToolError(f"{path} is there already; give the text that is to be replaced as old.")
    else:
        crlf = "\r\n" in before and "\r\n" not in old
        if crlf:
            old, new = old.replace("\n", "\r\n"), new.replace("\n", "\r\n")
        after = _replaced(path, before, old, new)
        if after == before:
            raise ToolError(f"old and new are the same, so {path} stays as it is. Say in new what is to stand there.")
    await context.sandbox.write(path, after.encode("utf-8", "surrogateescape"))
    change = _change(path, before, after)
    return Outcome(
        f"{change.kind}: {path} +{change.added} -{change.removed}", FilesChanged(changes=(change,)), touched=(path,)
    )


def _replaced(path: str, before: str, old: str, new: str) -> str:
    count = before.count(old)
    if count == 1:
        return before.replace(old, new)
    if count > 1:
        raise ToolError(f"old is {count} times in {path}; give more of the lines around it.")
    from journeyman.repo.patch.nearest import nearest

    lines = before.split("\n")
    near = nearest(old.split("\n"), lines)
    if near is None:
        raise ToolError(f"old is not in {path}. Read the file and copy the text exactly.")
    block = "\n".join(lines[near.start : near.stop])
    raise ToolError(f"old is not in {path}. Most alike are lines {near.start + 1} to {near.stop}:\n{block}")


def _change(path: str, before: str | None, after: str) -> Change:
    if before is None:
        return Change(path=path, kind="add", added=len(after.splitlines()))
    old, new = before.splitlines(), after.splitlines()
    codes = [code for code in SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if code[0] != "equal"]
    added, removed = sum(j2 - j1 for *_, j1, j2 in codes), sum(i2 - i1 for _, i1, i2, _, _ in codes)
    return Change(path=path, kind="update", added=added, removed=removed)


EDIT = Tool(
    name="edit",
    description="Replace text in a file, or make a new one.",
    arguments=EditArguments,
    run=edit,
    summary=lambda arguments: f"edit {arguments.path}",
)
