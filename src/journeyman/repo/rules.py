"""AGENTS.md: which rules hold where, and what the model is shown of them.

From the repository's root down to the working directory each folder gives the first of its rule files; files further
down are given when something in their folder is touched. Nearer rules come later and so weigh more. Paths are relative
to the root, "" is the root itself. All reading goes through a function of the caller, so that it may be a sandbox's.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from posixpath import dirname, isabs, join, normpath

from journeyman.core.text import decode

NAMES = ("AGENTS.override.md", "AGENTS.md")
MAX_BYTES = 32768
"""Of all rule files of the repository together; the person's own are not counted."""

Get = Callable[[str], Awaitable[bytes | None]]
"""The content of a regular file (symbolic links followed, beneath the root only); None where there is none."""

_SEPARATOR = "\n\n--- project-doc ---\n\n"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule file. `path` is "" for the person's own rules, which hold everywhere; `directory` is where it holds."""

    path: str
    text: str
    directory: str


async def discover(
    get: Get,
    cwd: str = "",
    *,
    global_text: str | None,
    names: Sequence[str] = NAMES,
    fallbacks: Sequence[str] = (),
    max_bytes: int = MAX_BYTES,
) -> tuple[Rule, ...]:
    """The rules at the start: the person's own, then those of the folders from the root down to `cwd`.

    A folder gives its first file among `names` and `fallbacks`; one with nothing but blanks says nothing, and thereby
    silences the ones after it. The file that crosses `max_bytes` is cut, with a note; 0 reads none at all.
    """
    own = [Rule("", global_text.strip("\n"), "")] if global_text and global_text.strip() else []
    given = await _read(get, _folders(cwd), (*names, *fallbacks), max_bytes, seen=())
    return (*own, *given)


async def below(
    get: Get,
    path: str,
    seen: Collection[str],
    *,
    names: Sequence[str] = NAMES,
    fallbacks: Sequence[str] = (),
    max_bytes: int = MAX_BYTES,
) -> tuple[Rule, ...]:
    """The rules for the file `path` that were not given yet: those whose paths are not in `seen`.

    A path outside the root has none.
    """
    normal = normpath(path)
    if isabs(normal) or normal.split("/")[0] == "..":
        return ()
    return await _read(get, _folders(dirname(normal)), (*names, *fallbacks), max_bytes, seen)


def render(rules: Iterable[Rule], *, root: str = ".") -> str:
    """What the model is shown: a block for each folder, the person's own rules ahead of the first; "" for no rules.

    `root` is how the root is called there, and what folders are joined to unless it is ".".
    """
    texts: dict[str, list[str]] = {}
    own: list[str] = []
    for rule in rules:
        (texts.setdefault(rule.directory, []) if rule.path else own).append(rule.text)
    if own and not texts:
        return _block(root, "\n\n".join(own))
    blocks: list[str] = []
    for directory, parts in texts.items():
        whole = "\n\n".join(parts)
        if own:
            whole, own = "\n\n".join(own) + _SEPARATOR + whole, []
        blocks.append(_block(normpath(join(root, directory)), whole))
    return "\n\n".join(blocks)


def commands(text: str) -> tuple[str, ...]:
    """The programmatic checks that the text of a rule file tells to run (`journeyman.repo.rule_checks`)."""
    from journeyman.repo import rule_checks  # its tables take 10 ms to compile, which most starts do not need

    return rule_checks.commands(text)


def _block(directory: str, text: str) -> str:
    return f"# AGENTS.md instructions for {directory}\n\n<INSTRUCTIONS>\n{text}\n</INSTRUCTIONS>"


def _folders(directory: str) -> list[str]:
    """The root and every folder on the way down to `directory`, that one included."""
    parts = [part for part in normpath(directory).split("/") if part not in ("", ".")] if directory else []
    return ["/".join(parts[:count]) for count in range(len(parts) + 1)]


async def _read(
    get: Get, folders: Iterable[str], names: Sequence[str], max_bytes: int, seen: Collection[str]
) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    left = max_bytes
    for folder in folders if max_bytes > 0 else ():
        for name in names:
            path = join(folder, name)
            if path in seen:
                break
            data = await get(path)
            if data is None:
                continue
            text = decode(data.removeprefix(b"\xef\xbb\xbf"))
            if text.strip():
                rules.append(Rule(path, _cut(data, left, max_bytes, path) or text.strip("\n"), folder))
                left = max(left - len(data), 0)
            break
    return tuple(rules)


def _cut(data: bytes, left: int, max_bytes: int, path: str) -> str | None:
    """The beginning that there is room for, and a note; None when there is room for all."""
    if len(data) <= left:
        return None
    head = data[:left].decode("utf-8", errors="ignore") if _is_utf8(data) else decode(data[:left])
    note = (
        f"[{len(data) - left} of the {len(data)} bytes of {path} left out: rules may have {max_bytes} bytes together]"
    )
    return f"{head.strip(chr(10))}\n\n{note}" if head.strip() else note


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
