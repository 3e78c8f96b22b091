"""Images for the tests, made of the host's own files, since no registry is asked: a tiny one without Python or a C
library, and one with a Python of its own."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

APPLETS = """
awk basename cat chmod cp cut date dd dirname echo env expr false find grep head hostname id kill ln ls mkdir mkfifo mv
nice od paste printf ps pwd readlink realpath rm rmdir sed seq setsid sh sleep sort stat stty sync tail tee test
time timeout touch tr true tty uname uniq wc which xargs yes getent [
"""
FOLDERS = ("bin", "dev", "etc", "proc", "root", "run", "sys", "tmp", "usr/bin", "usr/lib", "var")
LEFT_OUT = {"site-packages", "test", "tests", "idlelib", "tkinter", "lib2to3", "ensurepip", "__pycache__", "turtledemo"}
TOOLS = ("bash", "git", "unshare")
"""Of the host's, that attacks are made with."""
DEAR = ("_tkinter", "_sqlite3", "_test", "_ctypes_test", "_curses", "_dbm", "_gdbm", "_hashlib", "_ssl", "_xx")
TEXTS = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:/bin/false\n",
    "bin/nohup": b"#!/bin/sh\ntrap '' HUP\nexec \"$@\"\n",
}


def busybox() -> Path | None:
    """A busybox that is linked statically."""
    found = shutil.which("busybox", path="/bin:/usr/bin")
    if not found:
        return None
    path = Path(found).resolve()
    with path.open("rb") as file:
        head = file.read(4096)
    return None if b"/ld-" in head else path  # which is the dynamic loader that it would ask for


def tiny() -> bytes:
    """A root directory with busybox alone."""
    return _archive([])


def hostile() -> bytes:
    """Busybox, and traps where the host lays out its own."""
    traps = [
        _entry("etc/group", tarfile.SYMTYPE, target="../../../../etc/gshadow"),
        _entry("etc/hosts", tarfile.SYMTYPE, target="../../../../../../etc/shadow"),
        _entry("etc/nsswitch.conf", tarfile.FIFOTYPE),
        _entry("var/tmp", tarfile.SYMTYPE, target="/proc/1/cwd"),
        _entry("disk", tarfile.BLKTYPE),
        _entry("trap.so"),
        _entry("etc/ld.so.preload"),
    ]
    return _archive([], entries=traps)


def with_python() -> bytes:
    """The same with this Python: the program, its standard library, some tools, and the shared libraries of all."""
    program = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    library = Path(os.__file__).parent
    files = [(program, f"usr/bin/{version}")]
    extensions: list[Path] = []
    for path in sorted(library.rglob("*")):
        inner = path.relative_to(library)
        left_out = LEFT_OUT & set(inner.parts) or inner.parts[0].startswith("config-") or inner.name.startswith(DEAR)
        if path.is_file() and not left_out:
            files.append((path, f"usr/lib/{version}/{inner}"))
            if ".so" in path.suffixes:
                extensions.append(path)
    tools = [Path(os.path.realpath(found)) for name in TOOLS if (found := shutil.which(name))]
    files += [(path, f"usr/bin/{path.name}") for path in tools]
    locale = Path("/usr/lib/locale/C.utf8")  # of which bash would complain in every command
    files += [(path, str(path).lstrip("/")) for path in sorted(locale.rglob("*")) if path.is_file()]
    for path in sorted(set(_libraries([program, *extensions, *tools]))):
        is_loader = path.name.startswith("ld-")
        files.append((path, str(path).lstrip("/") if is_loader else f"lib/{path.name}"))
    return _archive(files, entries=[_entry("usr/bin/python3", tarfile.SYMTYPE, target=version)])


def _libraries(programs: Sequence[Path]) -> Iterator[Path]:
    """The shared libraries that programs are linked with, under the names that they ask for."""
    said = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    for line in said.stdout.splitlines():
        path = line.partition("=>")[2].strip() or line.strip()
        place = path.partition(" (")[0]
        if place.startswith("/") and ".so" in place and not place.endswith(":"):
            yield Path(place)


def _static() -> Path:
    found = busybox()
    assert found is not None
    return found


def _entry(name: str, kind: bytes = tarfile.REGTYPE, *, target: str = "") -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.type, about.linkname, about.mode = kind, target, 0o755
    if kind == tarfile.BLKTYPE:
        disk = Path("/").stat().st_dev
        about.devmajor, about.devminor, about.mode = os.major(disk), os.minor(disk), 0o666
    return about


def _archive(files: Sequence[tuple[Path, str]], *, entries: Sequence[tarfile.TarInfo] = ()) -> bytes:
    made = {"", "."}
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:

        def folder(name: str) -> None:
            if name not in made:
                folder(str(Path(name).parent))
                made.add(name)
                archive.addfile(_entry(name, tarfile.DIRTYPE))

        for name in FOLDERS:
            folder(name)
        for path, name in [(_static(), "bin/busybox"), *files]:
            folder(str(Path(name).parent))
            about = _entry(name)
            about.size = path.stat().st_size
            with path.open("rb") as content:
                archive.addfile(about, content)
        for entry in [
            *(_entry(f"bin/{applet}", tarfile.SYMTYPE, target="busybox") for applet in APPLETS.split()),
            *entries,
        ]:
            archive.addfile(entry)
        for name, data in TEXTS.items():
            about = _entry(name)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    return file.getvalue()
