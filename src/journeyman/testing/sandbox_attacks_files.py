"""Attacks on files: the host's secrets, other tasks', and what lies outside of the workspace."""

import os
import shutil
import textwrap
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from journeyman.sandbox.protocol import SandboxBackend
from journeyman.testing.sandbox_attack import (
    REACHED,
    Attack,
    Stage,
    each,
    is_stopped,
    needs_root,
    run,
    spec_in,
    succeeds_without_protection,
)

SECRET = "hush-" + "hush"


@contextmanager
def secret(folder: Path) -> Generator[Stage]:
    """A file of the host, and a folder of it, that everybody there may read and write."""
    place = folder / "host"
    place.mkdir()
    (place / "secret").write_text(SECRET)
    (place / "secret").chmod(0o666)
    place.chmod(0o777)
    facts = {"folder": str(place), "secret": str(place / "secret"), "words": SECRET.split("-")}

    def changed() -> bool:
        return [path.name for path in place.iterdir()] != ["secret"] or (place / "secret").read_text() != SECRET

    yield Stage(facts, changed)


@contextmanager
def environment(folder: Path) -> Generator[Stage]:
    os.environ["JOURNEYMAN_TEST_SECRET"] = SECRET
    try:
        yield Stage({"words": SECRET.split("-")})
    finally:
        del os.environ["JOURNEYMAN_TEST_SECRET"]


@contextmanager
def set_user_id(folder: Path) -> Generator[Stage]:
    """A set-user-id program of root's in the workspace, as a careless checkout by root might have it."""
    (folder / "lower").mkdir()
    for place in (folder / "lower", folder / "work"):
        place.mkdir(exist_ok=True)
        shutil.copy("/usr/bin/id", place / "rootly")
        os.chown(place / "rootly", 0, 0)
        (place / "rootly").chmod(0o4755)
    yield Stage({"drop": os.geteuid() == 0})
    (folder / "work" / "rootly").unlink()


@contextmanager
def a_program(folder: Path) -> Generator[Stage]:
    """In the control a copy; inside, where there is none, the system's own."""
    shutil.copy("/bin/sleep", folder / "sleep")
    yield Stage({"program": str(folder / "sleep")})


FILES = (
    Attack(
        "read a file of the host by its path",
        """
        try:
            if open(host["secret"]).read() == "-".join(host["words"]):
                reached()
        except OSError as error:
            print(error)
        """,
        secret,
    ),
    Attack(
        "climb out with dots, root links and the working folders of others",
        """
        for start in [".", *glob.glob("/proc/*/root"), *glob.glob("/proc/*/cwd"), *glob.glob("/proc/*/task/*/root")]:
            for up in range(30):
                try:
                    path = start + "/.." * up + host["secret"]
                    if open(path).read() == "-".join(host["words"]):
                        reached(path)
                except OSError:
                    pass
        """,
        secret,
    ),
    Attack(
        "write a file of the host",
        """
        for path in (host["secret"], host["folder"] + "/new"):
            try:
                open(path, "w").write("mine")
            except OSError as error:
                print(error)
        """,
        secret,
    ),
    Attack(
        "write through a symbolic link and a hard one",
        """
        os.symlink(host["folder"], "folder")
        os.symlink(host["secret"], "file")
        for path in ("folder/new", "file", "hard"):
            try:
                if path == "hard":
                    os.link(host["secret"], path)
                open(path, "w").write("mine")
            except OSError as error:
                print(error)
        """,
        secret,
    ),
    Attack(
        "rename a folder away under a path that is being walked",
        """
        import threading
        os.makedirs("a/b")
        os.symlink(host["folder"], "link")
        stop = time.monotonic() + 1
        def swap():
            while time.monotonic() < stop:
                try:
                    os.rename("a/b", "a/c"); os.rename("link", "a/b"); os.rename("a/b", "link"); os.rename("a/c", "a/b")
                except OSError:
                    pass
        thread = threading.Thread(target=swap)
        thread.start()
        while time.monotonic() < stop:
            try:
                open("a/b/raced", "w").close()
                if open("a/b/secret").read() == "-".join(host["words"]):
                    reached()
            except OSError:
                pass
        thread.join()
        """,
        secret,
    ),
    Attack(
        "read the environment of others",
        """
        for path in ["/proc/self/environ", *glob.glob("/proc/*/environ"), *glob.glob("/proc/*/cmdline")]:
            try:
                if "-".join(host["words"]) in open(path, errors="replace").read():
                    reached(path)
            except OSError:
                pass
        """,
        environment,
    ),
    Attack(
        "become root by a set-user-id program",
        """
        command = ["./rootly", "-u"]
        if host["drop"] and os.geteuid() == 0:
            command = ["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups", *command]
        if subprocess.run(command, capture_output=True, text=True).stdout == "0\\n":
            reached()
        for program in ("su", "sudo", "mount", "newgrp", "passwd", "pkexec", "chfn"):
            path = "/usr/bin/" + program
            if os.path.exists(path) and os.stat(path).st_mode & 0o4000:
                status = subprocess.run(
                    [sys.executable, "-c", "print(open('/proc/self/status').read())"], capture_output=True, text=True
                ).stdout
                if "NoNewPrivs:\\t0" in status:
                    reached(path)
        """,
        set_user_id,
        lacking=needs_root,
    ),
    Attack(
        "make a device and open it",
        """
        devices = [(stat.S_IFBLK, 7, 0), (stat.S_IFCHR, 1, 1), (stat.S_IFCHR, 1, 11)]  # a disk, memory, messages
        for kind, major, minor in devices:
            try:
                os.mknod("device", kind | 0o666, os.makedev(major, minor))
                reached("made", major, minor)
                os.unlink("device")
            except OSError as error:
                print(error)
        """,
        control="root",
        lacking=needs_root,
    ),
    Attack(
        "overwrite a program of the host by way of a process that runs it",
        """
        program = host["program"] if os.path.exists(host["program"]) else "/bin/sleep"
        process = subprocess.Popen([program, "0.2"])
        handle = os.open(f"/proc/{process.pid}/exe", os.O_PATH)
        process.wait()
        for path in (f"/proc/self/fd/{handle}", program, "/proc/1/exe", f"/proc/{os.getppid()}/exe"):
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_APPEND))
                reached(path)
            except OSError as error:
                print(path, error)
        """,
        a_program,
    ),
)


class AttacksOnFiles:
    """Each of them in a sandbox, and what two sandboxes that are open at once see of each other."""

    @each(FILES)
    async def test_files(self, attack: Attack, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        await is_stopped(attack, backend, tmp_path, python)

    async def test_tasks_that_are_open_at_once_see_nothing_of_each_other(
        self, backend: SandboxBackend, tmp_path: Path, python: str
    ) -> None:
        """Files, shared memory and semaphores, processes, sockets, by name and by looking everywhere."""
        leave = f"""
            import ctypes, os, socket
            for folder in (".", "/tmp", "/dev/shm", os.environ["HOME"]):
                open(folder + "/{SECRET}", "w").write("{SECRET}")
            libc = ctypes.CDLL(None)
            assert libc.shmget(0x5EC2E7, 4096, 0o1666) >= 0 and libc.semget(0x5EC2E7, 1, 0o1666) >= 0
            if os.fork() == 0:
                os.setsid()
                listener = socket.socket(socket.AF_UNIX)
                listener.bind("\\0{SECRET}")
                listener.listen()
                tcp = socket.create_server(("127.0.0.1", 8124))
                open("ready", "w").close()
                import time
                time.sleep(60)
        """
        look = f"""
            import ctypes, glob, os, socket
            tops = ["/tmp", "/dev/shm", "/run", "/var", "/home", "/root", "/proc/1/root/tmp", os.getcwd() + "/../.."]
            for top in tops:
                for folder, _, names in os.walk(top):
                    if "{SECRET}" in names:
                        print("{REACHED}", folder)
            libc = ctypes.CDLL(None)
            if libc.shmget(0x5EC2E7, 0, 0) >= 0 or libc.semget(0x5EC2E7, 0, 0) >= 0:
                print("{REACHED} shared memory")
            for family, address in ((socket.AF_UNIX, "\\0{SECRET}"), (socket.AF_INET, ("127.0.0.1", 8124))):
                try:
                    socket.socket(family).connect(address)
                    print("{REACHED}", address)
                except OSError:
                    pass
        """
        (tmp_path / "one").mkdir()
        async with backend.open(spec_in(tmp_path / "one")) as one:
            left = await one.exec([python, "-c", textwrap.dedent(leave)], timeout=120)
            assert left.exit_code == 0, left
            waits = await one.exec(["sh", "-c", "until test -e ready; do sleep 0.05; done"], timeout=120)
            assert waits.exit_code == 0
            control = await one.exec([python, "-c", textwrap.dedent(look)], timeout=120)
            assert control.output.count(REACHED.encode()) >= 5, control  # the one who left it finds it
            other = await run(backend, spec_in(tmp_path / "two"), python, look)
            assert REACHED not in other, other


class ControlsOfFiles:
    @each(FILES)
    def test_files_without_protection(self, attack: Attack, tmp_path: Path) -> None:
        succeeds_without_protection(attack, tmp_path)
