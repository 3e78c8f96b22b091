"""What a repository's `devcontainer.json` asks for, as far as it is honoured: image, variables, post-create command.

The file is the repository's and so hostile: it is opened beneath the repository's directory without following links,
and nothing of it that would reach the host is done: no mounts, no arguments for the engine, no privileges, no commands
on the host. `notes` says so.
"""

import json
import os
import re
import shlex
import stat
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from journeyman.core.errors import UsageError
from journeyman.core.value import Value

PLACES = (".devcontainer/devcontainer.json", ".devcontainer.json")
MOST = 1024 * 1024
"""Bytes that such a file may have."""
STRING = r'"(?:\\.|[^"\\])*"'
COMMENT = re.compile(rf"{STRING}|//[^\n]*|/\*.*?\*/", re.DOTALL)
TRAILING = re.compile(rf"{STRING}|,(?=\s*[}}\]])", re.DOTALL)
VARIABLE = re.compile(r"\$\{(\w+)(?::([^}:]*))?(?::[^}]*)?\}")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OBJECT = TypeAdapter(dict[str, Any])
FOLDERS = {
    "containerWorkspaceFolder": str,
    "localWorkspaceFolder": str,
    "containerWorkspaceFolderBasename": os.path.basename,
    "localWorkspaceFolderBasename": os.path.basename,
}
NOT_DONE = {
    "mounts": "folders of the host are not mounted",
    "workspaceMount": "the repository is mounted under its own path",
    "workspaceFolder": "the repository is mounted under its own path",
    "runArgs": "arguments for the container engine are not passed on",
    "privileged": "no container is privileged",
    "capAdd": "no container has capabilities",
    "securityOpt": "the sandbox's own security settings hold",
    "initializeCommand": "nothing runs on the host",
    "features": "features are not installed; name an image that has them",
    "remoteUser": "commands run as the sandbox's user",
    "containerUser": "commands run as the sandbox's user",
    "onCreateCommand": "of the commands only postCreateCommand is run",
    "updateContentCommand": "of the commands only postCreateCommand is run",
    "postStartCommand": "of the commands only postCreateCommand is run",
    "postAttachCommand": "of the commands only postCreateCommand is run",
}


class DevContainer(Value):
    """`image` is to be pulled, `variables` are set for all commands, `commands` are scripts that run in this order
    after the first start. `notes` are sentences about what was not honoured. `path` is the file in the repository."""

    path: str
    image: str | None = None
    variables: dict[str, str] = Field(default_factory=dict)
    commands: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class _File(BaseModel):
    """What is read of such a file."""

    image: str | None = None
    containerEnv: dict[str, str | None] = Field(default_factory=dict)
    remoteEnv: dict[str, str | None] = Field(default_factory=dict)
    postCreateCommand: str | list[str] | dict[str, str | list[str]] | None = None


def find_devcontainer(root: Path, workspace: Path | None = None) -> DevContainer | None:
    """What the repository at `root` asks for, None if it has no such file. `workspace` is where it lies inside.
    Raises `UsageError` for a file that cannot be understood."""
    for place in PLACES:
        data = _read(root, place)
        if data is not None:
            return parse_devcontainer(data, place, workspace or root)
    return None


def parse_devcontainer(data: bytes, path: str, workspace: Path) -> DevContainer:
    """What such a file says. Raises `UsageError` in words."""
    content = _object(data, path)
    notes = [f"{key}: {why}" for key, why in NOT_DONE.items() if content.get(key)]
    try:
        file = _File.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{path}: `{first['loc'][0]}` is not understood: {first['msg']}.") from error
    if not file.image:
        notes += _without_image(content)
    variables: dict[str, str] = {}
    for key, given in (("containerEnv", file.containerEnv), ("remoteEnv", file.remoteEnv)):
        for name, value in given.items():
            if value is None:  # which unsets it, and nothing is set
                continue
            if not NAME.fullmatch(name) or "\0" in value:
                raise UsageError(f"{path}: `{key}` names a variable that cannot be set: {name!r}.")
            filled = _filled(value, workspace)
            if rest := VARIABLE.search(filled):
                notes.append(f"{key}.{name}: {rest[0]} is not known, so the variable is not set")
            else:
                variables[name] = filled
    command = file.postCreateCommand
    named = list(command.values()) if isinstance(command, dict) else [command] if command else []
    if len(named) > 1:
        notes.append("postCreateCommand: its commands run one after the other")
    scripts = (one if isinstance(one, str) else shlex.join(one) for one in named)
    return DevContainer(
        path=path,
        image=_filled(file.image, workspace) if file.image else None,
        variables=variables,
        commands=tuple(_filled(script, workspace) for script in scripts if script.strip()),
        notes=tuple(f"{path}: {note}." for note in notes),
    )


def _without_image(content: dict[str, Any]) -> list[str]:
    if content.get("dockerComposeFile"):
        return ["dockerComposeFile: not supported, give an image"]
    if content.get("dockerFile") or content.get("build"):
        return ["build.dockerfile: not supported, give an image: build it yourself and name it as `image`"]
    return []


def _read(root: Path, place: str) -> bytes | None:
    """A regular file below `root`, on the way to which no link is followed; None if there is none."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    *folders, name = place.split("/")
    try:
        handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for step, more in [*((folder, os.O_DIRECTORY) for folder in folders), (name, 0)]:
            try:
                inner = os.open(step, flags | more, dir_fd=handle)
            finally:
                os.close(handle)
            handle = inner
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return None
        data = file.read(MOST + 1)
    if len(data) > MOST:
        raise UsageError(f"{place} is larger than {MOST} bytes.")
    return data


def _object(data: bytes, path: str) -> dict[str, Any]:
    """The file's object, without the comments and trailing commas that such files may have."""
    text = data.decode("utf-8-sig", errors="replace")
    text = COMMENT.sub(lambda found: found[0] if found[0].startswith('"') else " ", text)
    text = TRAILING.sub(lambda found: found[0] if found[0].startswith('"') else "", text)
    try:
        return OBJECT.validate_python(json.loads(text))
    except ValidationError as error:
        raise UsageError(f"{path} has to be a JSON object.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}.") from error


def _filled(text: str, workspace: Path) -> str:
    """A text with the folders that it names; variables of the host or the image stay as they are."""

    def replace(found: re.Match[str]) -> str:
        folder = FOLDERS.get(found[1])
        return folder(str(workspace)) if folder else found[0]

    return VARIABLE.sub(replace, text)
