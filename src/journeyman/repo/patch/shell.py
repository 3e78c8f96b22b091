"""Calls of apply_patch that a model writes as a command."""

import re
import shlex
from collections.abc import Sequence
from posixpath import basename

from journeyman.repo.patch.errors import PatchError
from journeyman.repo.patch.parse import BEGIN

_NAMES = ("apply_patch", "applypatch")
_SHELLS = ("bash", "zsh", "sh")
_FLAGS = ("-lc", "-c", "-cl")
_CALL = r"\s*(?:cd\s+(?P<cwd>'[^'\n]+'|\"[^\"\n$`\\]+\"|[^\s'\"$`\\;&|<>()*?]+)\s*&&\s*)?(?:apply_patch|applypatch)\s*"
_HEREDOC = re.compile(
    _CALL + r"<<\s*(?P<quote>['\"]?)(?P<end>\w+)(?P=quote)[ \t]*\r?\n(?P<patch>.*?)\n[ \t]*(?P=end)\s*", re.DOTALL
)
_QUOTED = re.compile(_CALL + r"'(?P<patch>[^']*)'\s*", re.DOTALL)


def extract_from_shell(command: Sequence[str] | str) -> tuple[str | None, str] | None:
    """(folder, patch) of a command, given as arguments or as a shell's script; None for any other command.

    Taken are `apply_patch PATCH`, and as a script, also behind `bash -lc`, `apply_patch` with a heredoc or with the
    patch in single quotes, either after one `cd folder &&`. Raises `PatchError` for a patch without the command.
    """
    if isinstance(command, str):
        return _from_script(command)
    arguments = list(command)
    if len(arguments) == 1:
        return _from_script(arguments[0])
    if len(arguments) == 2 and arguments[0] in _NAMES:
        return None, arguments[1]
    if len(arguments) == 3 and basename(arguments[0]) in _SHELLS and arguments[1] in _FLAGS:
        return _from_script(arguments[2])
    return None


def _from_script(script: str) -> tuple[str | None, str] | None:
    if script.lstrip().startswith(BEGIN):
        raise PatchError("A patch was given as the command. Call apply_patch with it instead")
    found = _HEREDOC.fullmatch(script) or _QUOTED.fullmatch(script)
    if found is None:
        return None
    folder = found["cwd"]
    return (shlex.split(folder)[0] if folder else None), found["patch"]
