"""A container engine, talked to by its HTTP API over a unix socket: podman's or docker's, which are the same here.

A thin client over httpx: nine calls are needed, all of them asynchronous, so the vendor's SDK (synchronous, over
requests) would cost more than it saves.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from journeyman.core.errors import SandboxError, SandboxUnavailable

if TYPE_CHECKING:
    import httpx

ANSWERING = 60.0
"""Seconds in which an engine has to answer."""
REMOVING = 10.0
"""Seconds in which a container that has ended has to be gone."""
SERVICE_IDLE = 20
"""Seconds after which a service of podman that was started here and is not asked anything ends by itself."""
SERVICE_START = 20.0
PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INSTALL = "install podman (Debian and Ubuntu: apt install podman runc uidmap)"


class EngineError(SandboxError):
    """An engine refused; `status` is the number of its answer."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class About:
    """What an engine says of itself. `bounds` is whether it can limit memory and processes."""

    name: str
    version: str
    rootless: bool
    bounds: bool
    cpu_bounds: bool


class Engine:
    """One engine's API, open while its client is."""

    def __init__(self, client: "httpx.AsyncClient", where: Path) -> None:
        self._client = client
        self._where = where

    async def about(self) -> About:
        info, version = await asyncio.gather(self.get("/info"), self.get("/version"))
        parts = [part.get("Name", "") for part in version.get("Components") or ()]
        is_podman = any("podman" in part.lower() for part in parts)
        options = info.get("SecurityOptions") or ()
        rootless = bool(info.get("Rootless")) or any("rootless" in option for option in options)
        # rootless engines bound nothing with the old control groups, whatever they say
        capable = not (rootless and str(info.get("CgroupVersion", "1")) != "2") and info.get("CgroupDriver") != "none"
        return About(
            name="podman" if is_podman else "docker",
            version=str(version.get("Version", "")),
            rootless=rootless,
            bounds=capable and bool(info.get("MemoryLimit")) and bool(info.get("PidsLimit")),
            cpu_bounds=capable and bool(info.get("CpuCfsQuota") or info.get("CPUCfsQuota")),
        )

    async def image(self, name: str) -> Mapping[str, Any] | None:
        """What the engine knows of an image; None if it does not have it."""
        try:
            return await self.get(f"/images/{name}/json")
        except EngineError as error:
            if error.status == 404:
                return None
            raise

    async def pull(self, name: str, on_progress: Callable[[str], None]) -> None:
        """Fetch an image from its registry. Raises `SandboxError` with the engine's reason."""
        import httpx

        problem = ""
        try:
            request = self._client.stream("POST", "/images/create", params=_reference(name), timeout=None)
            async with request as answer:
                if answer.status_code >= 400:
                    await answer.aread()
                    problem = _reason(answer)
                else:
                    async for line in answer.aiter_lines():
                        said = _object(line)
                        problem = str(said.get("error") or problem)
                        words = (said.get("id"), said.get("status"), said.get("progress"))
                        if any(words):
                            on_progress(" ".join(str(word) for word in words if word))
        except httpx.HTTPError as error:
            problem = str(error) or type(error).__name__
        if problem or await self.image(name) is None:
            raise SandboxError(
                f"The image {name} is not on this machine and could not be fetched: {problem or 'nobody said why'}. "
                "Fetch it yourself (podman pull, docker pull), load it from a file, or name another image."
            )

    async def load(self, archive: bytes, name: str, changes: Sequence[str] = ()) -> None:
        """Make an image called `name` of a tar archive of its root directory; `changes` are lines of a Dockerfile."""
        params = {"fromSrc": "-", "changes": list(changes)}
        told = await self._ask("POST", "/images/create", params=params, content=archive)
        words = [_object(line) for line in told.text.splitlines()]
        made = next((str(word["status"]) for word in reversed(words) if word.get("status")), "")
        repository, _, tag = name.rpartition(":")
        await self._ask("POST", f"/images/{made}/tag", params={"repo": repository, "tag": tag})

    async def forget(self, name: str) -> None:
        """Remove an image."""
        await self._ask("DELETE", f"/images/{name}", params={"force": "true"})

    async def create(self, name: str, body: Mapping[str, Any]) -> str:
        """Make a container; its id."""
        made = await self._ask("POST", "/containers/create", params={"name": name}, json=body)
        return str(made.json()["Id"])

    async def start(self, container: str) -> None:
        await self._ask("POST", f"/containers/{container}/start")

    async def wait(self, container: str) -> None:
        """Wait until a container does not run any more."""
        await self._ask("POST", f"/containers/{container}/wait", timeout=None)

    async def state(self, container: str) -> Mapping[str, Any]:
        return (await self.get(f"/containers/{container}/json"))["State"]

    async def said(self, container: str) -> str:
        """The end of what a container's first process printed."""
        how = {"stdout": "1", "stderr": "1", "tail": "20"}
        try:
            answer = await self._ask("GET", f"/containers/{container}/logs", params=how)
        except EngineError:
            return ""
        return _unframed(answer.content).decode(errors="replace")[-2000:]

    async def remove(self, container: str) -> None:
        """Kill and remove a container, wherever it stands; nothing if there is none."""
        try:
            await self._ask("DELETE", f"/containers/{container}", params={"force": "true", "v": "true"})
        except EngineError as error:
            if error.status == 404:
                return
            # it is just being removed, since it has ended
            end = asyncio.get_running_loop().time() + REMOVING
            while await self._exists(container):
                if asyncio.get_running_loop().time() > end:
                    raise
                await asyncio.sleep(0.05)

    async def _exists(self, container: str) -> bool:
        try:
            await self.get(f"/containers/{container}/json")
        except EngineError as error:
            return error.status != 404
        return True

    async def labelled(self, label: str) -> Sequence[Mapping[str, Any]]:
        """The containers with a label, also those that do not run."""
        wanted = json.dumps({"label": [label]})
        return (await self._ask("GET", "/containers/json", params={"all": "true", "filters": wanted})).json()

    async def get(self, path: str) -> Mapping[str, Any]:
        return (await self._ask("GET", path)).json()

    async def _ask(self, method: str, path: str, **more: Any) -> "httpx.Response":
        import httpx

        try:
            answer = await self._client.request(method, path, **more)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise SandboxError(f"The container engine at {self._where} does not answer: {reason}.") from error
        if answer.status_code >= 400:
            raise EngineError(f"The container engine refused: {_reason(answer)}", answer.status_code)
        return answer


@asynccontextmanager
async def connected(where: Path) -> AsyncGenerator[Engine]:
    """An engine by its socket."""
    import httpx  # and no version in the address: new dockers refuse what podman calls the newest

    with _reached(where) as short:
        transport = httpx.AsyncHTTPTransport(uds=short)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://engine", timeout=ANSWERING, trust_env=False
        ) as client:
            yield Engine(client, where)


def sockets() -> list[Path]:
    """Where engines of this machine listen for this user, the likeliest first."""
    own = Path(f"/run/user/{os.getuid()}")
    podman = [Path("/run/podman/podman.sock")] if os.getuid() == 0 else [own / "podman/podman.sock"]
    return [*podman, Path("/run/docker.sock"), Path("/var/run/docker.sock"), own / "docker.sock"]


def listens(path: Path) -> bool:
    """Whether somebody answers at a socket."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return False
        with _reached(path) as short, socket.socket(socket.AF_UNIX) as end:
            end.connect(short)
    except (OSError, SandboxError):
        return False
    return True


def seems_there() -> bool:
    """Whether this machine has a container engine, as far as can be told without starting anything."""
    return any(listens(path) for path in sockets()) or shutil.which("podman", path=PROGRAMS) is not None


def start_service(state: Path, podman: Path | None = None) -> Path:
    """The socket of a service of podman that is started here, or was by another process with the same `state`.

    It ends by itself when nobody asks it anything. Raises `SandboxUnavailable` without podman, or when it does not
    come up."""
    program = podman or _podman()
    for former in SERVICES:
        former.poll()
    folder = _own(state)
    place = folder / "podman.sock"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if listens(place):
            return place
        place.unlink(missing_ok=True)
        errors = folder / "podman.log"
        address = f"unix:///proc/self/cwd/{place.name}"  # whose own may be too long for a socket
        command = [str(program), *_options(), "system", "service", f"--time={SERVICE_IDLE}", address]
        with errors.open("w") as said:
            service = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=_environment(),
                cwd=folder,
                start_new_session=True,
            )
        if not _comes_up(place, service):
            service.kill()
            service.wait()
            reason = " ".join(errors.read_text(errors="replace").split())[-500:]
            raise SandboxUnavailable(f"podman's service did not start: {reason or 'it said nothing'}.")
        SERVICES.append(service)
    return place


SERVICES: list[subprocess.Popen[bytes]] = []
"""The services that this process has started, so that they are reaped when they have ended."""


def _comes_up(place: Path, service: "subprocess.Popen[bytes]") -> bool:
    import time

    end = time.monotonic() + SERVICE_START
    while time.monotonic() < end:
        if listens(place):
            return True
        if service.poll() is not None:
            return False
        time.sleep(0.02)
    return False


def _podman() -> Path:
    found = shutil.which("podman", path=PROGRAMS)
    if found is None:
        raise SandboxUnavailable(
            f"No container engine was found: no podman, and no docker that this user may use; {INSTALL}."
        )
    return Path(found)


def _options() -> list[str]:
    """Of podman, where its own choice is bad: overlayfs instead of copies of whole images, unless such have been stored
    or something was set; and a runtime that works."""
    home = Path(_environment()["HOME"])
    decided = (home / ".config/containers/storage.conf", home / ".local/share/containers/storage/vfs")
    options: list[str] = []
    if os.getuid() != 0 and not any(path.exists() for path in decided):
        options.append("--storage-driver=overlay")
    groups = Path("/sys/fs/cgroup")
    is_mixed = (groups / "unified").is_dir() and not (groups / "cgroup.controllers").exists()
    if is_mixed and shutil.which("runc", path=PROGRAMS):  # with which crun does not run
        options.append("--runtime=runc")
    return options


def _environment() -> dict[str, str]:
    """What podman needs of the environment, and nothing of the person's."""
    import pwd

    environment = {"PATH": PROGRAMS}
    uid = os.getuid()
    with contextlib.suppress(KeyError):
        environment["HOME"] = pwd.getpwuid(uid).pw_dir
    runtime = Path(f"/run/user/{uid}")
    if runtime.is_dir():
        environment["XDG_RUNTIME_DIR"] = str(runtime)
    return {"HOME": "/", **environment}


def _own(state: Path) -> Path:
    """A directory for a socket, which only this user may enter."""
    folder = state / "engine"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    return folder


@contextmanager
def _reached(where: Path) -> Generator[str]:
    """A path of a socket that is short enough to be connected to."""
    try:
        handle = os.open(where.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise SandboxError(f"The container engine at {where} does not answer: {error.strerror}.") from error
    try:
        yield f"/proc/self/fd/{handle}/{where.name}"
    finally:
        os.close(handle)


def _reference(name: str) -> dict[str, str]:
    """An image's name as the API wants it: without a tag it would fetch all tags."""
    if "@" in name or ":" in name.rpartition("/")[2]:
        return {"fromImage": name}
    return {"fromImage": name, "tag": "latest"}


def _reason(answer: "httpx.Response") -> str:
    said = _object(answer.text)
    return str(said.get("message") or said.get("cause") or answer.text or f"status {answer.status_code}").strip()


def _object(text: str) -> dict[str, Any]:
    """A JSON object, empty for anything else."""
    try:
        found: Any = json.loads(text)
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _unframed(data: bytes) -> bytes:
    """The text of a log, which comes in frames of eight bytes before each piece."""
    pieces: list[bytes] = []
    while len(data) >= 8 and data[0] in (1, 2):
        size = int.from_bytes(data[4:8], "big")
        pieces.append(data[8 : 8 + size])
        data = data[8 + size :]
    return b"".join(pieces) or data
