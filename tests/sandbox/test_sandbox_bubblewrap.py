"""Bubblewrap's sandboxes against the contract, and what is bubblewrap's own."""

import asyncio
import contextlib
import gc
import os
import resource
import shutil
import signal
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeyman.core.errors import SandboxError, SandboxUnavailable
from journeyman.sandbox import cgroups, plan, process
from journeyman.sandbox.bubblewrap import Bubblewrap, find_bwrap
from journeyman.sandbox.launchers import mark
from journeyman.sandbox.protocol import FileChange, Toolchain
from journeyman.testing.sandbox import SandboxContract, sh
from journeyman.testing.sandbox_attacks import spec_in, until

as_root = pytest.mark.skipif(plan.changeable((65533, 65533)) is None, reason="needs to be run as root")


@pytest.fixture
def backend(tmp_path_factory: pytest.TempPathFactory) -> Bubblewrap:
    return Bubblewrap(tmp_path_factory.mktemp("state"))


class TestBubblewrap(SandboxContract):
    @pytest.fixture
    def python(self) -> str:
        return str(plan.interpreter()[0])

    @pytest.fixture
    def bounded_together(self) -> bool:
        group = cgroups.Group.open("1-probe-of-the-tests", memory_bytes=2**30, processes=10)
        if group:
            group.close()
        return group is not None


def a_toolchain(root: Path, name: str, *, bins: int = 1) -> Toolchain:
    folders = tuple(root / f"bin{n}" for n in range(bins))
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / name).write_text(f"#!/bin/sh\necho {name} of {folder.name}\n")
        (folder / name).chmod(0o755)
    return Toolchain(root=root, bin=folders)


async def test_toolchains_are_readable_and_first_in_path(backend: Bubblewrap, tmp_path: Path) -> None:
    one = a_toolchain(tmp_path / "one", "tool", bins=2)
    two = a_toolchain(tmp_path / "two", "tool")
    (tmp_path / "two").chmod(0o700)  # as pip makes them under a strict umask
    async with backend.open(spec_in(tmp_path, toolchains=(one, two, Toolchain(root=tmp_path / "missing")))) as sandbox:
        path = await sh(sandbox, "printf %s $PATH")
        assert path.startswith(f"{tmp_path}/one/bin0:{tmp_path}/one/bin1:{tmp_path}/two/bin0:/usr")
        assert await sh(sandbox, "tool; bash -lc tool") == "tool of bin0\ntool of bin0\n"
        assert await sh(sandbox, f"{tmp_path}/two/bin0/tool") == "tool of bin0\n"
        refused = await sandbox.exec(["touch", f"{tmp_path}/one/x"], timeout=120)
        assert b"Read-only" in refused.output
        assert await sh(sandbox, f"ls {tmp_path}") == "one\ntwo\nwork\n"


async def test_toolchains_in_above_and_beside_the_workspace(backend: Bubblewrap, tmp_path: Path) -> None:
    """A virtual environment in the repository, a repository in a toolchain's folder, and a toolchain behind a link."""
    work = tmp_path / "home" / "proj"
    work.mkdir(parents=True)
    inner = a_toolchain(work / ".venv", "inner")
    outer = a_toolchain(tmp_path / "home", "outer")
    a_toolchain(tmp_path / "real", "linked")
    (tmp_path / "link").symlink_to("real")
    linked = Toolchain(root=tmp_path / "link", bin=(tmp_path / "link" / "bin0",))
    readable = work / "plugin.py"
    readable.write_text("x")
    for settings in ({"read_only": True}, {"read_only": False}, {"upper": None}):
        spec = spec_in(
            tmp_path,
            workspace=work,
            toolchains=(inner, outer, linked),
            readable=(readable,),
            files={"a": b"1"},
            **settings,
        )
        async with backend.open(spec) as sandbox:
            assert await sh(sandbox, "inner; outer; linked") == "inner of bin0\nouter of bin0\nlinked of bin0\n"
            assert await sh(sandbox, "ls -A; cat plugin.py") == ".venv\na\nplugin.py\nx"
            refused = await sandbox.exec(["sh", "-c", "echo > .venv/bin0/inner; echo > plugin.py"], timeout=120)
            assert refused.output.count(b"Read-only") == 2
            assert await sandbox.diff() == ()


async def test_a_link_in_the_repository_does_not_lead_a_mount_astray(backend: Bubblewrap, tmp_path: Path) -> None:
    work = tmp_path / "proj"
    inner = a_toolchain(work / ".venv", "inner")
    spec = spec_in(tmp_path, workspace=work, toolchains=(inner,))
    (spec.lower[0] / ".venv").symlink_to("/tmp")
    async with backend.open(spec) as sandbox:
        await sh(sandbox, "test ! -e /tmp/bin0; touch /tmp/x; test -L .venv")


async def test_a_virtual_environment_may_be_a_link(backend: Bubblewrap, tmp_path: Path) -> None:
    work = tmp_path / "proj"
    work.mkdir()
    a_toolchain(tmp_path / "elsewhere" / "venv", "inner")
    (work / ".venv").symlink_to("../elsewhere/venv")
    chain = Toolchain(root=work / ".venv", bin=(work / ".venv" / "bin0",))
    for lower in (work, tmp_path / "lower"):  # the working tree, and a commit that does not have it
        spec = spec_in(tmp_path / lower.name, workspace=work, toolchains=(chain,), lower=(lower,), upper=None)
        lower.mkdir(exist_ok=True)
        async with backend.open(spec) as sandbox:
            assert await sh(sandbox, "inner; test -x .venv/bin0/inner") == "inner of bin0\n"


@pytest.mark.parametrize(
    "place", [f"{Path.home()}/a/b", "/tmp/proj", "/usr/src", "/home/me/proj", "/odd,name/a:b", "/opt"]
)
async def test_a_workspace_may_lie_anywhere(backend: Bubblewrap, tmp_path: Path, place: str) -> None:
    spec = spec_in(tmp_path, workspace=Path(place), files={"f": b"here"}, upper=tmp_path / "up, per:x\\y")
    async with backend.open(spec) as sandbox:
        assert await sh(sandbox, "pwd; cat f; echo more > g; touch /tmp/x") == f"{place}\nhere"
        assert await sandbox.diff() == (FileChange(b"g", "write"),)
    assert [path.name for path in tmp_path.iterdir() if "up, per" in path.name] == ["up, per:x\\y"]  # no work left


@pytest.mark.parametrize("place", ["/", "/usr", "/tmp", "/proc/x", "/sys", "/dev/shm/x", "relative", "/a/../b"])
async def test_a_workspace_may_not_lie_everywhere(backend: Bubblewrap, tmp_path: Path, place: str) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(SandboxError, match="workspace"):
        async with backend.open(spec_in(tmp_path, workspace=Path(place))):
            pytest.fail("it was opened")
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


async def test_readable_paths_may_be_private(backend: Bubblewrap, tmp_path: Path) -> None:
    """A git object store under a strict umask, and one file of it."""
    store = tmp_path / "objects"
    store.mkdir(mode=0o700)
    (store / "pack").write_text("objects")
    (store / "pack").chmod(0o400)
    file = tmp_path / "one.py"
    file.write_text("plugin")
    file.chmod(0o600)
    async with backend.open(spec_in(tmp_path, readable=(store, file))) as sandbox:
        assert await sh(sandbox, f"cat {store}/pack {file}") == "objectsplugin"
        refused = await sandbox.exec(["sh", "-c", f"echo x > {file}; echo x > {store}/new"], timeout=120)
        assert refused.output.count(b"Read-only") == 2


async def test_a_strict_umask_shuts_nobody_out(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        spec = spec_in(tmp_path, files={"d/f": b"1"}, toolchains=(a_toolchain(tmp_path / "chain", "tool"),))
        async with Bubblewrap(tmp_path / "state").open(spec) as sandbox:
            assert await sh(sandbox, "cat d/f; echo 2 > d/g; umask; id -un") == "10022\njourneyman\n"
            assert spec.upper is not None
            assert (spec.upper / "d" / "g").read_text() == "2\n"
    finally:
        os.umask(before)


async def test_command_lines_show_nothing_of_the_host(backend: Bubblewrap, tmp_path: Path) -> None:
    async with backend.open(spec_in(tmp_path)) as sandbox:
        said = await sh(sandbox, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    assert "supervisor" in said
    assert str(backend.state) not in said
    assert "bwrap" not in said


async def test_nobody_of_bubblewrap_is_left_inside(backend: Bubblewrap, tmp_path: Path) -> None:
    """Its own process sees the host's files, and works in the sandbox's process namespace."""
    async with backend.open(spec_in(tmp_path)) as sandbox:
        said = await sh(sandbox, "cat /proc/[0-9]*/stat | cut -d' ' -f1,4")
        parents = {int(line.split()[0]): int(line.split()[1]) for line in said.splitlines()}
        assert parents.pop(1) == 0
        assert set(parents.values()) <= {1, *parents}, said
        assert not {2, 3} & set(parents), said


async def test_nothing_opens_where_bubblewrap_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("journeyman.sandbox.bubblewrap.find_bwrap", lambda: (Path("/bin/true"), None))
    backend = Bubblewrap(tmp_path / "state")
    with pytest.raises(SandboxError, match="could not be opened"):
        async with backend.open(spec_in(tmp_path)):
            pass


async def test_an_unfinished_room_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever bubblewrap says: one that plays it makes namespaces, and leaves the host's root in them."""
    binary, libraries = tmp_path / "fake" / "bin" / "bwrap", tmp_path / "libraries"
    for folder in (binary.parent, libraries):
        folder.mkdir(parents=True)
    binary.write_text(
        "#!/bin/bash\n"
        "export BLOCK=$2 TELL=$4\n"
        "exec unshare --user --mount --net --ipc --uts --cgroup bash -c '\n"
        'read -r -N 1 -u $BLOCK; echo "{\\"child-pid\\": $$}" >&$TELL; exec {BLOCK}<&-; exec sleep 100\'\n'
    )
    binary.chmod(0o755)
    monkeypatch.setattr("journeyman.sandbox.bubblewrap.find_bwrap", lambda: (binary, libraries))
    with pytest.raises(SandboxError, match="the room is not finished"):
        async with Bubblewrap(tmp_path / "state").open(spec_in(tmp_path)):
            pass


async def test_the_supervisor_and_its_socket_are_out_of_reach(backend: Bubblewrap, tmp_path: Path) -> None:
    code = """
        import glob, os
        print(sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1])
        for pid in (1, os.getppid()):
            for name in ("fd", "mem", "environ", "cwd", "map_files"):
                try:
                    path = f"/proc/{pid}/{name}"
                    print("open:", os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1))
                except OSError:
                    pass
    """
    async with backend.open(spec_in(tmp_path)) as sandbox:
        result = await sandbox.exec([str(plan.interpreter()[0]), "-c", textwrap.dedent(code)], timeout=120)
        assert result.output == b"[0, 1, 2]\n"


async def test_an_error_of_the_listener_ends_the_command(backend: Bubblewrap, tmp_path: Path) -> None:
    def on_output(data: bytes) -> None:
        raise ZeroDivisionError(data)

    async with backend.open(spec_in(tmp_path)) as sandbox:
        with pytest.raises(ZeroDivisionError):
            await sandbox.exec(["sh", "-c", "echo $$ > pid; echo x; exec sleep 300"], timeout=300, on_output=on_output)

        async def dead() -> bool:
            return "gone" in await sh(sandbox, "kill -0 $(cat pid) 2>/dev/null || echo gone")

        await until(dead)


async def test_etc_is_ours(backend: Bubblewrap, tmp_path: Path) -> None:
    async with backend.open(spec_in(tmp_path)) as sandbox:
        names = (await sh(sandbox, "ls -A /etc; test ! -e /etc/shadow; cat /etc/hosts")).splitlines()
        assert {"passwd", "group", "hosts", "resolv.conf", "nsswitch.conf", "ld.so.cache"} <= set(names)
        assert not {"shadow", "sudoers", "gitconfig", "ssh", "hostname", "environment", "profile"} & set(names)
        assert "127.0.0.1 localhost journeyman" in names
        assert await sh(sandbox, "hostname; getent hosts localhost | wc -l; ls /etc/alternatives | wc -l") != ""


async def test_many_descriptors_and_processes_are_given_back(backend: Bubblewrap, tmp_path: Path) -> None:
    spec = spec_in(tmp_path)
    async with backend.open(spec) as sandbox:
        await sh(sandbox, "sleep 100 &")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        async with backend.open(spec) as sandbox:
            await sh(sandbox, "sleep 100 & echo x | cat > f")
            await sandbox.read("f")
            await sandbox.diff()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert [path for path in tmp_path.iterdir() if path.name.endswith(".work")] == []


def test_a_probe_finds_nothing_missing_here(backend: Bubblewrap) -> None:
    assert backend.probe() == []


async def test_a_probe_works_beside_a_running_loop(backend: Bubblewrap) -> None:
    assert backend.probe() == []


def test_a_probe_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "could not be tried" in Bubblewrap(tmp_path / "file").probe()[0]
    nowhere = Bubblewrap(tmp_path / "s", interpreter=(Path("/nonexistent/python"), Path("/nonexistent")))
    assert len(nowhere.probe()) == 1


def test_no_user_namespaces_is_said_in_a_sentence() -> None:
    error = process.explained("cannot make a namespace: Operation not permitted")
    assert isinstance(error, SandboxUnavailable)
    assert "max_user_namespaces" in str(error)
    said = process.explained("cannot mount overlay on /tmp/workspace/merged: No such device")
    assert "modprobe overlay" in str(said)


async def test_many_are_opened_at_once(tmp_path: Path) -> None:
    backend = Bubblewrap(tmp_path / "state")
    async with contextlib.AsyncExitStack() as stack:
        specs = [spec_in(tmp_path / str(number), home_upper=tmp_path / f"home{number}") for number in range(40)]
        opened = await asyncio.gather(*(stack.enter_async_context(backend.open(spec)) for spec in specs))
        said = await asyncio.gather(*(sh(sandbox, "pwd") for sandbox in opened))
    assert said == [f"{spec.workspace}\n" for spec in specs]


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # it collects what tests before it left, too
async def test_sandboxes_are_started_by_a_program_that_comes_back(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    backend = Bubblewrap(tmp_path / "state")
    name = mark(tmp_path / "state" / "zygote").encode()
    spec = spec_in(tmp_path)
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, 512), most))
    request.addfinalizer(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, most)))
    async with backend.open(spec) as sandbox:
        [starter] = _children(name)
        assert await sh(sandbox, "echo here") == "here\n"
        assert Path(f"/proc/{starter}/environ").read_bytes() == b""
        assert resource.prlimit(starter, resource.RLIMIT_NOFILE) == (most, most)  # it holds all sandboxes' locks
        held = {int(path.name): path.readlink() for path in Path(f"/proc/{starter}/fd").iterdir()}
        assert [held.pop(number).name for number in range(3)] == ["null"] * 3
        assert [held.pop(number).name for number in (30, 31)] == ["null"] * 2
        assert sorted(held)[:2] == [3, 4]  # the host's orders, and the host
        [ended, told, lock] = [held[number] for number in sorted(held)[2:]]
        assert (ended, ended.name[:6], lock) == (told, "pipe:[", spec.upper)  # of children's ends; the layer's lock
    os.kill(starter, signal.SIGKILL)
    async with backend.open(spec_in(tmp_path)) as sandbox:
        assert await sh(sandbox, "echo again") == "again\n"
    [second] = _children(name)
    assert second != starter
    del backend, sandbox
    gc.collect()
    assert _children(name) == []


def _children(name: bytes) -> list[int]:
    """Processes of ours whose command line has that word."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (path / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid() and name in (path / "cmdline").read_bytes():
                found.append(int(path.name))
    return found


async def test_what_a_missing_layer_breaks_is_said(backend: Bubblewrap, tmp_path: Path) -> None:
    spec = spec_in(tmp_path, lower=(tmp_path / "nothing",))
    with pytest.raises(SandboxError, match=r"cannot open .*nothing"):
        async with backend.open(spec):
            pytest.fail("it was opened")


async def test_files_that_the_host_puts_into_a_layer_are_the_sandboxs(backend: Bubblewrap, tmp_path: Path) -> None:
    """As when a checkpoint is restored before the sandbox is opened again."""
    spec = spec_in(tmp_path, files={"below": b""})
    assert spec.upper is not None
    (spec.upper / "d").mkdir(mode=0o700)
    (spec.upper / "d" / "f").write_text("restored")
    (spec.upper / "d" / "f").chmod(0o600)
    async with backend.open(spec) as sandbox:
        assert await sh(sandbox, "cat d/f; echo more >> d/f; touch d/g; mv below d/") == "restored"
        assert (await sandbox.read_change(b"d/f"))[1] == b"restoredmore\n"


@as_root
class TestAsRoot:
    async def test_layers_of_several_owners(self, backend: Bubblewrap, tmp_path: Path) -> None:
        spec = spec_in(tmp_path, files={"mine": b"1", "roots": b"2", "other": b"3"})
        theirs = spec.lower[0]
        for name, owner, mode in (("mine", 1234, 0o600), ("roots", 0, 0o644), ("other", 4321, 0o644)):
            os.chown(theirs / name, owner, owner)
            (theirs / name).chmod(mode)
        os.chown(theirs, 1234, 1234)
        async with backend.open(spec) as sandbox:
            assert (
                await sh(sandbox, "cat mine roots other; echo 4 >> mine; mv roots moved; rm other; cat moved") == "1232"
            )
            assert await sandbox.diff() == (
                *(FileChange(name, "delete") for name in (b"other", b"roots")),
                *(FileChange(name, "write") for name in (b"mine", b"moved")),
            )

    async def test_the_hosts_root_is_nobody_inside(self, backend: Bubblewrap, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            assert (await sh(sandbox, "cat /proc/self/uid_map")).split()[::2] == ["1000", "1"]  # no other user
            outer = [path for path in Path("/proc").glob("[0-9]*/status") if _belongs_to_the_sandbox(path)]
            assert outer

    async def test_a_layer_that_cannot_be_mapped_is_copied(self, backend: Bubblewrap, tmp_path: Path) -> None:
        base = tmp_path / "base"
        for name in ("low", "up", "work", "merged"):
            (base / name).mkdir(parents=True)
        (base / "low" / "private").write_text("secret")
        (base / "low" / "private").chmod(0o600)
        (base / "low" / "link").symlink_to("private")
        with _overlay(base) as merged:  # overlayfs is a file system without idmapped mounts
            async with backend.open(spec_in(tmp_path, lower=(merged,))) as sandbox:
                assert (
                    await sh(sandbox, "cat private link; echo more >> private; cat link") == "secretsecretsecretmore\n"
                )
            assert (merged / "private").read_text() == "secret"
        assert [path for path in tmp_path.rglob("copies/*")] == []

    async def test_groups_are_made_and_removed(self, backend: Bubblewrap, tmp_path: Path) -> None:
        group = cgroups.Group.open("1-probe-of-the-tests", memory_bytes=2**30, processes=10)
        if group is None:
            pytest.skip("control groups cannot be made here")
        group.close()
        async with backend.open(spec_in(tmp_path, processes=77)):
            made = [path for path in _groups() if _limit(path) == "77\n"]
            assert len(made) == 1
        assert not made[0].exists()


def _belongs_to_the_sandbox(status: Path) -> bool:
    try:
        return "Uid:\t65533\t65533\t65533\t65533" in status.read_text()
    except OSError:
        return False


def _limit(group: Path) -> str | None:
    try:
        return (group / "pids.max").read_text()
    except OSError:  # the group of a sandbox that another process of this suite has just closed
        return None


def _groups() -> list[Path]:
    return [*(cgroups.ROOT / "pids" / cgroups.PARENT).glob("*-*"), *(cgroups.ROOT / cgroups.PARENT).glob("*-*")]


@contextlib.contextmanager
def _overlay(base: Path) -> Iterator[Path]:
    options = f"lowerdir={base}/low,upperdir={base}/up,workdir={base}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(base / "merged")], check=True)
    try:
        yield base / "merged"
    finally:
        subprocess.run(["umount", str(base / "merged")], check=True)


class TestGroupsOfVersionTwo:
    """The files of a unified hierarchy, laid out by hand: this suite's machines have the old ones."""

    def test_limits_are_written(self, tmp_path: Path) -> None:
        for folder in (tmp_path, tmp_path / "journeyman"):
            folder.mkdir(exist_ok=True)
            (folder / "cgroup.controllers").write_text("cpu memory pids\n")
            (folder / "cgroup.subtree_control").write_text("memory pids\n" if folder == tmp_path else "")
        group = cgroups.Group.open("7-x", memory_bytes=1000, processes=5, root=tmp_path)
        assert group is not None
        folder = tmp_path / "journeyman" / "7-x"
        written = {path.name: path.read_text() for path in folder.iterdir()}
        assert written == {"memory.max": "1000", "memory.swap.max": "0", "pids.max": "5"}
        assert (tmp_path / "journeyman" / "cgroup.subtree_control").read_text() == "+memory +pids"
        assert group.doors == [str(folder / "cgroup.procs")]
        (folder / "memory.events").write_text("low 0\nhigh 0\noom 3\noom_kill 2\n")
        assert group.counts().memory_kills == 2

    def test_without_permission_there_is_no_group(self, tmp_path: Path) -> None:
        (tmp_path / "cgroup.controllers").write_text("memory pids\n")
        assert cgroups.Group.open("7-x", memory_bytes=1, processes=1, root=tmp_path) is None


def test_bwrap_is_the_wheels() -> None:
    binary, libraries = find_bwrap()
    assert shutil.which(str(binary))
    assert libraries is None or libraries.is_dir()
