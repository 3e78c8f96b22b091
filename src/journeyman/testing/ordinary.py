"""Running Python as an ordinary user from a process of root's, wherever Python and the program lie.

An installation below root's home is closed to others. So what is needed is shown at another place, in a mount
namespace of that process alone.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import journeyman

PLACE = Path("/mnt")
USER = 65532
"""Nobody's user and group."""
NAME, FIRST, MANY = "journeyman-test", 200_000, 65_536
"""A name for that user, and the ids that are his to give away, where they are needed."""


def missing() -> str:
    """Why it is not possible here; empty when it is."""
    if os.geteuid() != 0:
        return "only root can become somebody else"
    tools = [tool for tool in ("unshare", "setpriv", "mount") if shutil.which(tool) is None]
    if tools or not PLACE.is_dir():
        return f"it needs {', '.join(tools) or PLACE}"
    tried = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", str(PLACE)], capture_output=True)
    if tried.returncode != 0:
        return "mounts cannot be made here"
    # without the variables of `ordinary`: a sandbox's programs are started with none
    alone = [
        "setpriv",
        f"--reuid={USER}",
        f"--regid={USER}",
        "--clear-groups",
        "env",
        "-i",
        _python(),
        "-I",
        "-S",
        "-c",
        "",
    ]
    lines = [*_shown({"python": Path(sys.base_prefix)}), shlex.join(alone)]
    tried = subprocess.run(["unshare", "--mount", "sh", "-ec", "\n".join(lines)], capture_output=True)
    return "" if tried.returncode == 0 else "this Python finds its library only where nobody else may look"


def without_containers() -> str:
    """Why an ordinary user cannot have containers of his own here; empty when he can."""
    if reason := missing():
        return reason
    tools = [tool for tool in ("podman", "newuidmap", "newgidmap") if shutil.which(tool) is None]
    if not any(shutil.which(tool) for tool in ("runc", "crun")):
        tools.append("runc")
    tools += [path for path in ("/etc/subuid", "/etc/subgid") if not Path(path).is_file()]
    if tools:
        return f"it needs {', '.join(tools)}"
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        home.chmod(0o755)
        run = "import subprocess, sys; sys.exit(subprocess.run(['podman', 'unshare', 'true']).returncode)"
        tried = subprocess.run(
            ordinary(["-c", run], {}, home, containers=True), cwd="/", capture_output=True, text=True
        )
    return f"podman makes no namespaces here: {tried.stderr.strip()[-300:]}" if tried.returncode else ""


def ordinary(
    arguments: Sequence[str], places: Mapping[str, Path], home: Path, *, containers: bool = False
) -> list[str]:
    """A command line that runs Python with `arguments` as an ordinary user, with our packages; `places` are folders
    that are seen at PLACE/NAME. `home` becomes that user's. For `containers` of his own he has a name, further ids and
    a folder below /run/user, none of which the machine knows, and all his processes end with the first."""
    packages = Path(sysconfig.get_path("purelib"))
    shown = {"python": Path(sys.base_prefix), "packages": packages, "source": Path(journeyman.__file__).parents[1]}
    lines = _shown({**shown, **places})
    variables = [
        f"HOME={home}",
        f"PATH={os.environ.get('PATH', '/usr/bin:/bin')}",
        f"PYTHONPATH={PLACE}/source:{PLACE}/packages",
        f"LD_LIBRARY_PATH={PLACE}/python/lib",  # the library that belongs to this interpreter
        "PYTHONDONTWRITEBYTECODE=1",
    ]
    drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "env", "-i", *variables]
    if containers:
        lines += _named(home)
    lines.append("exec " + shlex.join([*drop, _python(), *arguments]))
    os.chown(home, USER, USER)
    spaces = ["--mount", *(["--pid", "--fork", "--kill-child", "--mount-proc"] if containers else [])]
    return ["unshare", *spaces, "sh", "-ec", "\n".join(lines)]


def _named(home: Path) -> list[str]:
    """The lines of a script that give the user what rootless podman asks for."""
    rows = {
        "passwd": f"{NAME}:x:{USER}:{USER}::{home}:/bin/sh",
        "group": f"{NAME}:x:{USER}:",
        "subuid": f"{NAME}:{FIRST}:{MANY}",
        "subgid": f"{NAME}:{FIRST}:{MANY}",
    }
    lines = ["mount -t tmpfs none /run", f"mkdir -p /run/user/{USER}", f"chown {USER}:{USER} /run/user/{USER}"]
    for name, row in rows.items():
        shown = f"/run/{name}"
        lines.append(f"{{ cat /etc/{name}; echo {shlex.quote(row)}; }} > {shown}")
        lines.append(f"mount --bind {shown} /etc/{name}")
    return lines


def _python() -> str:
    return f"{PLACE}/python/bin/{Path(os.path.realpath(sys.executable)).name}"


def _shown(places: Mapping[str, Path]) -> list[str]:
    """The lines of a script that show folders at PLACE/NAME."""
    lines = [f"mount -t tmpfs none {PLACE}"]
    for name, source in places.items():
        lines += [f"mkdir {PLACE}/{name}", f"mount --bind {shlex.quote(str(source))} {PLACE}/{name}"]
    return lines
