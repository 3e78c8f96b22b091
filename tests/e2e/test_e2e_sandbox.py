"""`journeyman sandbox`: one command in a sandbox, as a person or a script runs it."""

import asyncio
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from journeyman.testing.sandbox_attacks import commands_of_the_host, until
from tests.conftest import MakeRepository, Program


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.txt").write_text("before\n")
    return folder


def shell(program: Program, work: Path, script: str, *options: str | Path, **how: object) -> subprocess.Popen[bytes]:
    """The command running a script of `sh`, with pipes of bytes."""
    command = [sys.executable, "-m", "journeyman.cli.main", "sandbox", *map(str, options), "--", "sh", "-c", script]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
    how = {"cwd": work, "env": program.environ, "start_new_session": True, "preexec_fn": hear_interrupts, **pipes}
    return subprocess.Popen(command, **how)  # type: ignore[call-overload]


def hear_interrupts() -> None:
    """Whoever runs the tests in the background has Ctrl-C ignored, and so would all that they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ran(
    program: Program, work: Path, script: str, *options: str | Path, stdin: bytes = b""
) -> tuple[int, bytes, bytes]:
    process = shell(program, work, script, *options, stdin=subprocess.PIPE)
    out, errors = process.communicate(stdin, timeout=120)
    return process.returncode, out, errors


def litter(program: Program) -> list[Path]:
    return list((program.home / "sandbox" / "runs").iterdir())


def test_streams_and_exit_code_pass_through(program: Program, work: Path) -> None:
    data = bytes(range(256)) * 1000
    assert ran(program, work, "cat; echo problem >&2; exit 7", stdin=data) == (7, data, b"problem\n")
    assert ran(program, work, "kill -TERM $$") == (128 + 15, b"", b"")
    mixed = shell(program, work, "for i in 1 2 3; do echo o$i; echo e$i >&2; done", stderr=subprocess.STDOUT)
    assert mixed.communicate()[0].split() == [b"o1", b"e1", b"o2", b"e2", b"o3", b"e3"]
    quiet = shell(program, work, "cat", stdin=None, preexec_fn=lambda: os.close(0))
    assert (quiet.communicate()[0], quiet.returncode) == (b"", 0)


def test_a_terminal_is_joined(program: Program, work: Path) -> None:
    """Who sits in front of a terminal has one inside: its size, what is typed, Ctrl-C."""
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (33, 77))
    program.env["TERM"] = "xterm-256color"
    script = "test -t 0 && test -t 1 && stty size; echo $TERM; read line; echo got $line"
    script += "; trap 'exit 5' INT; echo on; read never"
    with (
        shell(program, work, script, stdin=slave, stdout=slave, stderr=slave) as process,
        os.fdopen(master, "r+b", 0) as ours,
    ):
        os.close(slave)
        seen = b""
        for until_, typed in ((b"xterm-256color", b"hello\r"), (b"got hello\r\non\r\n", b"\x03")):
            while until_ not in seen:
                seen += ours.read(4096)
            ours.write(typed)
        assert process.wait(30) == 5
        assert b"33 77\r\n" in seen


def test_endless_output_into_a_closed_pipe_ends_it(program: Program, work: Path) -> None:
    with shell(program, work, "yes; echo never > never") as process:
        assert process.stdout
        process.stdout.read(100_000)
        process.stdout.close()
        assert process.wait(30) == 128 + signal.SIGPIPE
    assert not (work / "never").exists()


def test_what_it_may_read_and_write(program: Program, work: Path, tmp_path: Path) -> None:
    """The folder under its own path, what `--ro` names, and nothing else; changes land in the folder."""
    for name in ("file", "folder/inner", "secret", "work/kept/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n")
    program.env["SECRET_OF_THE_HOST"] = "hush"
    script = f"""
        pwd; cat {tmp_path}/file {tmp_path}/folder/inner kept/x
        echo x 2>/dev/null > {tmp_path}/file || echo refused; echo x 2>/dev/null > kept/x || echo refused
        cat {tmp_path}/secret 2>/dev/null || echo none; env | grep -c HOST; ls {tmp_path}
        echo after > a.txt; mkdir -p new/er; echo n > new/er/n; rm -rf gone
    """
    (work / "gone" / "deep").mkdir(parents=True)
    options = ("--ro", tmp_path / "file", "--ro", tmp_path / "folder", "--ro", "kept")
    code, out, errors = ran(program, work, script, *options)
    assert (code, errors) == (0, b"")
    seen = [str(work), "file", "folder/inner", "work/kept/x", "refused", "refused", "none", "0", "file folder work"]
    assert out.decode().split() == " ".join(seen).split()
    assert sorted(path.name for path in work.iterdir()) == ["a.txt", "kept", "new"]
    assert ((work / "a.txt").read_text(), (work / "new/er/n").read_text()) == ("after\n", "n\n")
    assert (tmp_path / "work/kept/x").read_text() == "work/kept/x\n"
    assert litter(program) == []


def test_changes_land_after_a_failure_and_a_limit_but_not_when_discarded(program: Program, work: Path) -> None:
    assert ran(program, work, "echo 1 > failed; exit 1")[0] == 1
    code, _, said = ran(program, work, "echo 1 > slow; sleep 300", "--timeout", "0.7")
    assert (code, said) == (124, b"journeyman: the command was killed when it reached its time limit, 0.7 s.\n")
    assert ran(program, work, "echo 1 > discarded", "--discard")[0] == 0
    fill = "for i in $(seq 100); do head -c 1000000 /dev/zero > big$i; sleep 0.02; done"
    code, _, said = ran(program, work, fill, "--disk", "10M")
    assert code == 125
    assert b"disk limit" in said
    assert sorted(path.name for path in work.iterdir()) == ["a.txt", "failed", "slow"]


def test_traps_in_the_folder_catch_nobody(program: Program, work: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("theirs")
    (work / "link").symlink_to(outside)
    (work / "file").symlink_to(outside / "f")
    os.link(outside / "f", work / "hard")
    script = """
        rm link; mkdir link; echo evil > link/f; rm -f file; echo evil > file; echo evil > hard
        cp /bin/true s; chmod 6755 s; mkfifo fifo; ln -s /etc/passwd passwd; mkdir -m 0 shut
        mkdir -p sub/.git .GIT; echo evil > sub/.git/config; echo evil > .GIT/config; git init -q .
        truncate -s 4G sparse
    """
    code, _, said = ran(program, work, script)
    assert (code, said) == (0, b"journeyman: left out: .GIT, .git, fifo, sub/.git\n")
    assert sorted(path.name for path in outside.iterdir()) == ["f"]
    assert (outside / "f").read_text() == "theirs"
    assert ((work / "link").is_symlink(), (work / "link/f").read_text()) == (False, "evil\n")
    assert (work / "s").stat().st_mode & 0o7777 == 0o755
    assert (work / "passwd").readlink() == Path("/etc/passwd")
    assert list((work / "sub").iterdir()) == []
    assert (work / "sparse").stat().st_blocks < 1000
    owners = {(path.lstat().st_uid, path.lstat().st_gid) for path in work.iterdir()} - {(0, 0)}
    assert owners <= {(work.stat().st_uid, work.stat().st_gid)}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_what_is_mounted_in_the_folder_stays(program: Program, work: Path, tmp_path: Path) -> None:
    """Inside, its place is empty, and may be removed."""
    other, place = tmp_path / "other", work / "a b"
    other.mkdir()
    place.mkdir()
    (other / "data").write_text("theirs")
    subprocess.run(["mount", "--bind", other, place], check=True)
    try:
        code, out, said = ran(program, work, "ls 'a b'; rm -rf 'a b'; echo fine > f")
        assert (code, out, said) == (0, b"", b"journeyman: left out: a b\n")
        assert ((other / "data").read_text(), (work / "f").read_text()) == ("theirs", "fine\n")
    finally:
        subprocess.run(["umount", place], check=True)


def test_what_people_are_told_is_harmless(program: Program, work: Path) -> None:
    code, _, said = ran(program, work, "mkfifo \"$(printf 'a\\033]0;b\\007\\nc')\"")
    assert (code, said) == (0, b"journeyman: left out: a\n")


def test_git_works_in_a_copy_of_its_data(program: Program, make_repository: MakeRepository) -> None:
    folder = make_repository({"a.txt": "one\n"})
    config = folder / ".git" / "config"
    config.write_text(config.read_text() + '[remote "origin"]\n\turl = https://me:password@localhost/x\n')
    before = config.read_text()
    script = "echo two >> a.txt; git status --short; cat .git/config; git commit -qam Two; git log --oneline | wc -l"
    code, out, said = ran(program, folder, script + "; echo '#!/bin/sh' > .git/hooks/pre-commit")
    assert (code, out.startswith(b" M a.txt\n"), out.endswith(b"\n2\n"), b"password" in out) == (0, True, True, False)
    assert said == b"journeyman: left out: .git\n"
    assert (config.read_text(), (folder / ".git/hooks/pre-commit").exists()) == (before, False)
    assert (folder / "a.txt").read_text() == "one\ntwo\n"


def test_our_own_places_in_the_folder_stay_ours(program: Program, tmp_path: Path) -> None:
    """As when the folder is somebody's home: what lies there of ours is started on the host."""
    assert ran(program, tmp_path, "true")[0] == 0  # lays out what all sandboxes share
    before = sorted(path for path in program.home.rglob("*"))
    assert before
    code, out, said = ran(program, tmp_path, "ls home; echo evil > home/launcher; echo fine > f; rm -rf home")
    assert (code, out, said) == (0, b"", b"journeyman: left out: home\n")
    assert (sorted(path for path in program.home.rglob("*")), (tmp_path / "f").exists()) == (before, True)


def test_network_by_policy(program: Program, work: Path) -> None:
    """Only what is allowed gets out, and what is not is said."""
    ask = """python3 - <<'END'
import urllib.request, urllib.error
try:
    print(urllib.request.urlopen("http://refused.example/", timeout=120).status)
except urllib.error.HTTPError as error:
    print(error.code)
END"""
    code, out, said = ran(program, work, ask, "--network", "allowed.example,*.allowed.example")
    assert (code, out) == (0, b"403\n"), said
    assert b"the network refused GET refused.example:80" in said
    assert b"--network refused.example would allow it" in said
    assert ran(program, work, "true", "--network", "off,on")[0] == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-C", "nowhere"), "nowhere cannot be worked in: No such file or directory"),
        (("-C", "/"), "cannot have its workspace at /"),
        (("--ro", "/proc/1"), "/proc/1 cannot be made readable"),
        (("--ro", "nowhere"), "nowhere cannot be made readable: it does not exist"),
        (("--env", "X"), "--env takes NAME=VALUE, not 'X'"),
        (("--memory", "much"), "'much' is not a size"),
    ],
)
def test_wrong_options_are_said(program: Program, work: Path, options: tuple[str, ...], words: str) -> None:
    code, out, said = ran(program, work, "true", *options)
    assert (code, out, words in said.decode()) == (2, b"", True), said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_it_with_its_changes_in_place(program: Program, work: Path, number: int) -> None:
    mark = f"sleep 86400.5{int(number):03}"
    with shell(program, work, f"echo 1 > begun; echo go; exec {mark}") as process:
        assert process.stdout
        await asyncio.to_thread(process.stdout.readline)
        process.send_signal(number)
        assert await asyncio.to_thread(process.wait, 30) == 128 + number
    assert (work / "begun").read_text() == "1\n"
    assert litter(program) == []
    assert mark not in commands_of_the_host()


async def test_nothing_is_left_when_it_is_killed(program: Program, work: Path) -> None:
    with shell(program, work, "echo 1 > begun; mkdir -m 0 shut; echo go; exec sleep 86400.7") as process:
        assert process.stdout
        await asyncio.to_thread(process.stdout.readline)
        assert litter(program) != []
        process.kill()
        await asyncio.to_thread(process.wait, 30)

    async def gone() -> bool:
        return litter(program) == [] and "sleep 86400.7" not in commands_of_the_host()

    await until(gone, seconds=20)
    assert sorted(path.name for path in work.iterdir()) == ["a.txt"]
