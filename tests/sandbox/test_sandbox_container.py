"""Containers' sandboxes against the contract, and what is the containers' own."""

import asyncio
import ctypes
import json
import os
import shutil
import tempfile
import traceback
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from journeyman.core.errors import JourneymanError, SandboxError, SandboxUnavailable
from journeyman.sandbox import plan
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.choice import choose_backend
from journeyman.sandbox.container import api
from journeyman.sandbox.container import plan as layout
from journeyman.sandbox.container.api import Engine, connected
from journeyman.sandbox.container.containers import LABEL, Containers
from journeyman.sandbox.protocol import FileChange, Toolchain
from journeyman.testing.sandbox import SandboxContract, sh
from journeyman.testing.sandbox_attacks import spec_in
from tests.sandbox import container_images

SOMEBODY = 65531
as_root = pytest.mark.skipif(os.getuid() != 0, reason="needs to be run as root")


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of all backends here; skips where no engine can be used. Root's podman is one that can."""
    folder = tmp_path_factory.mktemp("containers") / ("long" * 30)  # more than a socket's path may have
    problems = Containers(folder).probe()
    assert not (problems and os.getuid() == 0 and shutil.which("podman")), problems
    if problems:
        pytest.skip(f"no container engine can be used here: {' '.join(problems)}")
    return folder


@pytest.fixture(scope="session")
def backend(state: Path) -> Containers:
    return Containers(state)


@asynccontextmanager
async def engine_of(state: Path) -> AsyncIterator[Engine]:
    where, _ = await Containers(state).engine()
    async with connected(where) as engine:
        yield engine


def an_image(state: Path, name: str, make: Callable[[], bytes], changes: Sequence[str] = ()) -> Iterator[str]:
    """An image for the time of the tests."""
    if container_images.busybox() is None:
        pytest.skip("images for the tests are made with a static busybox (Debian: apt install busybox-static)")
    full = f"localhost/journeyman-test-{name}-{os.getpid()}:1"  # another run of the tests has its own

    image = make()  # first, since the engine ends where it is asked nothing for long

    async def load() -> None:
        async with engine_of(state) as engine:
            await engine.load(image, full, changes)

    async def unload() -> None:
        async with engine_of(state) as engine:
            await engine.forget(full)

    asyncio.run(load())
    yield full
    asyncio.run(unload())


async def left_by(backend: Containers) -> list[str]:
    """The containers that there are of a backend."""
    async with engine_of(backend.state) as engine:
        found = await engine.labelled(LABEL)
    return [str(one["Names"]) for one in found if one["Labels"][LABEL].endswith(f" {backend.state}")]


@pytest.fixture(scope="session")
def with_python(state: Path) -> Iterator[str]:
    yield from an_image(state, "python", container_images.with_python)


@pytest.fixture(scope="session")
def in_image(state: Path, with_python: str) -> Containers:
    return Containers(state, image=with_python)


@pytest.fixture(scope="session")
def tiny(state: Path) -> Iterator[str]:
    yield from an_image(state, "tiny", container_images.tiny, ["ENV PATH=/bin:/opt/bin", "ENV OWN=of-the-image"])


@pytest.fixture(scope="session")
def hostile(state: Path) -> Iterator[str]:
    changes = ["ENV LD_PRELOAD=/trap.so", "ENV PYTHONHOME=/trap", "USER root", 'ENTRYPOINT ["/trap"]', "WORKDIR /trap"]
    yield from an_image(state, "hostile", container_images.hostile, changes)


async def test_an_image_is_told_from_others_by_its_content(state: Path, tiny: str, hostile: str) -> None:
    backend = Containers(state)
    assert len({await backend.identify(tiny), await backend.identify(hostile)}) == 2
    assert await Containers(state).identify(tiny) == await backend.identify(tiny)
    with pytest.raises(SandboxError, match="could not be fetched"):
        await backend.identify("127.0.0.1:1/nobody/has-it:1")
    with pytest.raises(SandboxUnavailable, match="has no images"):
        await Bubblewrap(state).identify(tiny)


class TestImage(SandboxContract):
    """In an image that has nothing of the host's."""

    @pytest.fixture
    def backend(self, in_image: Containers) -> Containers:
        return in_image

    @pytest.fixture
    def python(self) -> str:
        return "/usr/bin/python3"

    @pytest.fixture
    async def bounded_together(self, in_image: Containers) -> bool:
        _, ready = await in_image.engine()
        return ready.about.bounds


async def test_an_image_without_python_or_a_c_library(backend: Containers, tmp_path: Path, tiny: str) -> None:
    spec = spec_in(tmp_path, image=tiny, files={"run.sh": b"#!/bin/sh\necho ran\n"}, env={"MINE": "1"})
    (spec.lower[0] / "run.sh").chmod(0o755)
    async with backend.open(spec) as sandbox:
        assert sandbox.backend == "container"
        assert await sh(sandbox, "./run.sh; echo $PATH $OWN $MINE $HOME $SHELL $JOURNEYMAN_SANDBOX") == (
            "ran\n/bin:/opt/bin of-the-image 1 /tmp/home /bin/sh container\n"
        )
        assert await sh(sandbox, "id -un; grep -c daemon /etc/passwd; cat /etc/resolv.conf") == "journeyman\n1\n"
        refused = await sandbox.exec(["sh", "-c", "for d in / /bin /etc /run /usr; do touch $d/x; done"], timeout=120)
        assert refused.output.count(b"Read-only") + refused.output.count(b"Permission") == 5
        await sh(sandbox, "echo 1 > made; touch /var/x /var/tmp/x || touch /tmp/x; test ! -e /run/journeyman/door")
        assert await sandbox.diff() == (FileChange(b"made", "write"),)
        assert (await sandbox.exec(["/usr/bin/python3"], timeout=120)).exit_code == 127
        assert await sh(sandbox, "cd /sys; ls -A; cd /; ls") == "bin\ndev\netc\nproc\nroot\nrun\nsys\ntmp\nusr\nvar\n"


async def test_a_hostile_image_gains_nothing(backend: Containers, tmp_path: Path, hostile: str) -> None:
    """Files where the host writes its own, links out of the image, and libraries that want to be loaded."""
    async with backend.open(spec_in(tmp_path, image=hostile, files={"f": b"1"})) as sandbox:
        uid = (await sh(sandbox, "id -u")).strip()
        assert uid == str(65533 if os.getuid() == 0 else os.getuid())
        assert await sh(sandbox, "cat f; id -un; id -gn; pwd") == f"1journeyman\njourneyman\n{tmp_path}/work\n"
        assert (
            await sh(sandbox, "head -n 1 /etc/hosts; wc -c < /etc/ld.so.preload")
            == "127.0.0.1 localhost journeyman\n0\n"
        )
        options = (await sh(sandbox, "grep ' / overlay' /proc/mounts")).split()[3].split(",")
        assert {"ro", "nosuid", "nodev"} <= set(options)
        assert (await sandbox.exec(["head", "-c", "1", "/disk"], timeout=120)).exit_code != 0


async def test_the_hosts_system_with_its_toolchains(backend: Containers, tmp_path: Path) -> None:
    """Without an image: what bubblewrap shows, also below and beside the workspace."""
    work = tmp_path / "proj"
    chains: list[Toolchain] = []
    for root, name in ((work / ".venv", "inner"), (tmp_path / "outer", "outer")):
        (root / "bin").mkdir(parents=True)
        (root / "bin" / name).write_text(f"#!/bin/sh\necho {name}\n")
        (root / "bin" / name).chmod(0o755)
        chains.append(Toolchain(root=root, bin=(root / "bin",)))
    store = tmp_path / "objects"
    store.mkdir(mode=0o700)
    (store / "pack").write_text("objects")
    (store / "pack").chmod(0o400)
    spec = spec_in(tmp_path, workspace=work, toolchains=tuple(chains), readable=(store,), files={"a": b"1"})
    async with backend.open(spec) as sandbox:
        assert await sh(sandbox, f"inner; outer; cat {store}/pack; ls -A") == "inner\nouter\nobjects.venv\na\n"
        refused = await sandbox.exec(["sh", "-c", f"echo > .venv/bin/inner; echo > {store}/pack"], timeout=120)
        assert refused.output.count(b"Read-only") == 2
        assert await sandbox.diff() == ()
        python = str(plan.interpreter()[0])
        assert (await sandbox.exec([python, "-c", "import ssl, json; print(1)"], timeout=120)).output == b"1\n"
        assert await sh(sandbox, "id -un; ls /etc/shadow /home /var/log 2>&1 | grep -c 'No such'") == "journeyman\n3\n"


async def test_an_image_that_cannot_be_had_is_said(state: Path, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"localhost/no-such-image:1 .*could not be fetched: .+ Fetch it yourself"):
        async with Containers(state).open(spec_in(tmp_path, image="localhost/no-such-image:1")):
            pytest.fail("it was opened")
    assert list((state / "c").iterdir()) == []


async def test_the_fetching_of_an_image_is_told(tmp_path: Path) -> None:
    """By an engine that is played, since no registry is asked here."""
    lines = [{"status": "Pulling", "id": "layer"}, {"status": "Downloading", "progress": "1/2", "id": "layer"}]
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.readline():
            asked.append(request.decode().split()[1])
            while (await reader.readline()).strip():
                pass
            found = b"{}" if asked[-1].startswith("/images/good") else b"\n".join(json.dumps(x).encode() for x in lines)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(found), found))
        writer.close()

    told: list[str] = []
    async with (
        await asyncio.start_unix_server(answer, tmp_path / "engine") as server,
        connected(tmp_path / "engine") as engine,
    ):
        await engine.pull("good/image", told.append)
        assert told == ["layer Pulling", "layer Downloading 1/2"]
        assert asked[0] == "/images/create?fromImage=good%2Fimage&tag=latest"
        lines.append({"error": "denied: who are you"})
        with pytest.raises(SandboxError, match=r"good/image:1 is not on this machine .*: denied: who are you"):
            await engine.pull("good/image:1", told.append)
        server.close()


async def test_what_a_workspace_cannot_be_is_said(backend: Containers, tmp_path: Path) -> None:
    spec = spec_in(tmp_path)
    wrong = {"workspace": replace(spec, workspace=Path("/usr")), "cannot open": replace(spec, lower=(tmp_path / "no",))}
    for words, changed in wrong.items():
        with pytest.raises(SandboxError, match=words):
            async with backend.open(changed):
                pytest.fail("it was opened")
    assert await left_by(backend) == []


async def test_nothing_is_left(backend: Containers, tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(2):
        async with backend.open(spec_in(tmp_path)) as sandbox:
            await sh(sandbox, "sleep 100 & echo x | cat > f")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lower", "upper"]
    assert list((backend.state / "c").iterdir()) == []
    assert await left_by(backend) == []


async def test_what_killed_hosts_left_is_removed(state: Path, tmp_path: Path) -> None:
    gone = await asyncio.create_subprocess_exec("true")
    await gone.wait()
    async with engine_of(state) as engine:
        image = await engine.image(layout.HOST)
        assert image
        body = {"Image": image["Id"], "Cmd": ["/x"], "Labels": {LABEL: f"{gone.pid} {state}"}}
        await engine.create(f"journeyman-test-left-{os.getpid()}", body)
        (state / "c" / f"{gone.pid}-abc").mkdir(parents=True)
        async with Containers(state).open(spec_in(tmp_path)):
            assert len(await left_by(Containers(state))) == 1  # its own
    assert not (state / "c" / f"{gone.pid}-abc").exists()


@as_root
def test_a_user_who_may_only_ask_the_engine(backend: Containers) -> None:
    """As on a machine whose docker belongs to root: only the engine can enter a container's namespaces."""
    folder = Path(tempfile.mkdtemp(prefix="jm-"))
    folder.chmod(0o777)
    try:
        place = folder / "engine.sock"
        asyncio.run(_share_engine(backend, place))
        with warnings.catch_warnings():  # the child uses no thread of its parent
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            _as_somebody_else(folder, place)
        _, status = os.waitpid(child, 0)
        assert (folder / "said").read_text() == "it worked"
        assert status == 0
        assert (folder / "lower" / "f").read_text() == "1"
    finally:
        shutil.rmtree(folder)


async def _share_engine(backend: Containers, place: Path) -> None:
    """Let another user use root's engine; what only root can read of an interpreter is copied before."""
    where, _ = await backend.engine()
    place.hardlink_to(where)
    place.chmod(0o666)
    await Containers(place.parent / "state", places=[place]).engine()
    for path in (place.parent / "state").rglob("*"):
        os.chown(path, SOMEBODY, SOMEBODY, follow_symlinks=False)
    os.chown(place.parent / "state", SOMEBODY, SOMEBODY)


def _as_somebody_else(folder: Path, place: Path) -> None:
    """Use the engine as an unprivileged user, in a process of its own; never returns."""

    async def use() -> None:
        backend = Containers(folder / "state", places=[place])
        spec = spec_in(folder, files={"f": b"1"})
        (folder / "lower" / "f").chmod(0o600)
        for _ in range(2):
            async with backend.open(spec) as sandbox:
                assert await sh(sandbox, "id -u; cat f; echo 2 >> f; echo 3 > g") in (
                    f"{SOMEBODY}\n1",
                    f"{SOMEBODY}\n12\n",
                )
                assert await sandbox.diff() == (FileChange(b"f", "write"), FileChange(b"g", "write"))
        async with backend.open(replace(spec, upper=None, read_only=False)) as sandbox:
            assert await sh(sandbox, "cat f; echo x > h; ls") == "1f\nh\n"
            assert await sandbox.diff() == (FileChange(b"h", "write"),)
        assert sorted(path.name for path in folder.iterdir()) == ["engine.sock", "lower", "state", "upper"]
        assert list((folder / "state" / "c").iterdir()) == []

    try:
        _become_somebody()
        try:
            asyncio.new_event_loop().run_until_complete(use())
        except (AssertionError, JourneymanError, OSError) as error:
            (folder / "said").write_text("".join(traceback.format_exception(error)))
        else:
            (folder / "said").write_text("it worked")
            os._exit(0)
    finally:
        os._exit(1)


def _become_somebody() -> None:
    """Of root's rights only that of reading is kept, since the interpreter may lie where nobody else may look."""
    keep_capabilities, version_3, read_search = 8, 0x20080522, 1 << 2
    libc = ctypes.CDLL(None)
    libc.prctl(keep_capabilities, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(SOMEBODY, SOMEBODY, SOMEBODY)
    os.setresuid(SOMEBODY, SOMEBODY, SOMEBODY)
    header = (ctypes.c_uint32 * 2)(version_3, 0)
    assert libc.capset(header, (ctypes.c_uint32 * 6)(read_search, read_search)) == 0


def test_a_probe_says_what_is_missing(tmp_path: Path) -> None:
    nobody = tmp_path / "nobody.sock"
    assert Containers(tmp_path, places=[nobody]).probe() == [f"No container engine listens at {nobody}."]
    broken = tmp_path / "podman"
    broken.write_text("#!/bin/sh\necho no storage >&2\nexit 125\n")
    broken.chmod(0o755)
    with pytest.raises(SandboxUnavailable, match="did not start: no storage"):
        api.start_service(tmp_path / "state", broken)


def test_the_choice_of_a_backend(state: Path, tmp_path: Path) -> None:
    assert choose_backend("auto", tmp_path / "a").name == "bubblewrap"
    assert choose_backend("auto", tmp_path / "a").name == "bubblewrap"  # remembered
    assert choose_backend("container", state).name == "container"
    assert choose_backend("auto", state, image="localhost/any:1").name == "container"
    with pytest.raises(SandboxUnavailable, match=r"has no images, and localhost/any:1"):
        choose_backend("bubblewrap", tmp_path / "a", image="localhost/any:1")
    (tmp_path / "file").write_text("")
    with pytest.raises(SandboxUnavailable, match=r"(?s)nothing is run without one.*bubblewrap: .*containers: "):
        choose_backend("auto", tmp_path / "file")
