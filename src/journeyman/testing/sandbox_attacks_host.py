"""Attacks on the host's reading of what a sandbox left: links, races, git's settings, the terminal."""

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from journeyman.core.errors import SandboxError
from journeyman.core.text import decode, one_line, plain
from journeyman.repo.repository import open_repository
from journeyman.sandbox.protocol import SandboxBackend
from journeyman.testing.sandbox_attack import spec_in

SECRET = "hush-" + "hush"
WHO = ("-c", "user.name=Test", "-c", "user.email=test@localhost")

SWAP = """
    import os, sys, time
    secret, seconds = sys.argv[1], float(sys.argv[2])
    os.makedirs("d/deep", exist_ok=True)
    open("d/deep/secret", "w").write("bait")
    os.makedirs("spare/deep", exist_ok=True)
    os.symlink(secret, "link")
    os.symlink(os.path.dirname(secret), "folder")
    open("ready", "w").close()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for one, other in (("d/deep", "folder"), ("d/deep/secret", "link")):
            try:
                os.rename(one, "t"); os.rename(other, one); os.rename(one, other); os.rename("t", one)
            except OSError:
                for path in ("t",):
                    if os.path.lexists(path) and not os.path.lexists(one):
                        os.rename(path, one)
"""

ESCAPES = {
    "title": b"\x1b]0;owned\x07",
    "clipboard": b"\x1b]52;c;ZXZpbA==\x1b\\",
    "answer back": b"\x1b[6n\x1b[c\x1bZ\x05",
    "clear": b"\x1b[2J\x1b[H\x1bc",
    "one byte": b"\x9b31m\x9d0;x\x9c".decode("latin-1").encode(),
    "rewrite": b"safe\rEVIL\x08\x08",
    "hide": b"\x1b[8mhidden\x1b[0m",
    "device control": b'\x1bP$q"p\x1b\\\x1b_x\x1b\\',
    "turned round": "\u202egnp.exe\u2066".encode(),
    "unended": b"\x1b]0;never ends",
}

HOSTILE_GIT = """
    mkdir -p .git/hooks .git/info
    touch="sh -c 'echo x >> {mark}; cat'"
    cat >> .git/config <<END
    [filter "evil"]
        clean = "$touch"
        smudge = "$touch"
        process = "$touch"
        required = true
    [diff "evil"]
        textconv = "$touch"
        command = "$touch"
    [core]
        fsmonitor = "$touch"
        hooksPath = .githooks
        sshCommand = "$touch"
        attributesFile = .gitattributes
    [diff]
        external = "$touch"
    END
    mkdir .githooks
    for hook in pre-commit post-checkout post-index-change reference-transaction; do
        printf '#!/bin/sh\\necho x >> {mark}\\n' | tee .git/hooks/$hook > .githooks/$hook
        chmod 755 .git/hooks/$hook .githooks/$hook
    done
    echo '* filter=evil diff=evil' | tee .git/info/attributes > .gitattributes
    cat > .gitmodules <<END
    [submodule "x"]
        path = sub
        url = ext::sh -c echo% x% >>% {mark}
        update = !sh -c "echo x >> {mark}"
    END
    mkdir sub; cp -r .git sub/.git
    echo changed > a.txt; echo new > b.txt
"""


class AttacksOnTheHostsReads:
    """What the host does with a layer is led nowhere, even while it changes under its eyes."""

    async def test_a_race_against_the_hosts_reads_is_lost(
        self, backend: SandboxBackend, tmp_path: Path, python: str
    ) -> None:
        secret = tmp_path / "host" / "secret"
        secret.parent.mkdir()
        secret.write_text(SECRET)
        async with backend.open(spec_in(tmp_path)) as sandbox:
            words = [python, "-c", textwrap.dedent(SWAP), str(secret), "1.5"]
            swapping = asyncio.create_task(sandbox.exec(words, timeout=120))
            await sandbox.exec(["sh", "-c", "until test -e ready; do sleep 0.01; done"], timeout=120)
            seen: list[bytes] = []
            looks = 0
            while not swapping.done():
                looks += 1
                for change in await sandbox.diff():
                    for path in (change.path, b"d/deep/secret", b"folder/secret"):
                        try:
                            mode, data = await sandbox.read_change(path)
                        except SandboxError:
                            continue
                        seen += [data] if mode != 0o120000 else []
            assert (await swapping).exit_code == 0
            assert looks > 3
            assert set(seen) <= {b"bait", b""}, set(seen)
        assert sorted(path.name for path in secret.parent.iterdir()) == ["secret"]

    async def test_gits_settings_run_nothing_on_the_host(self, backend: SandboxBackend, tmp_path: Path) -> None:
        """From a hostile git directory, attributes, hooks and submodules to the patch that a person gets."""
        mark, folder = tmp_path / "mark", tmp_path / "repository"
        folder.mkdir()
        (folder / "a.txt").write_text("first\n")
        for words in (("init", "-q"), ("add", "-A"), (*WHO, "commit", "-qm", "First")):
            run_git(folder, *words)
        repository = await open_repository(folder, tmp_path / "state")
        base = await repository.snapshot()
        (tmp_path / "git").mkdir()
        readable = await repository.git_layer(tmp_path / "git", base)
        spec = spec_in(tmp_path, workspace=repository.root, lower=(tmp_path / "git", folder), readable=readable)
        async with backend.open(spec) as sandbox:
            made = await sandbox.exec(["sh", "-ec", hostile_git(mark)], timeout=120)
            assert made.exit_code == 0, made
            changes = await sandbox.diff()
            writes = {each.path: await sandbox.read_change(each.path) for each in changes if each.kind == "write"}
        deletes = [each.path for each in changes if each.kind == "delete"]
        tree = await repository.tree_with(base.tree, deletes, writes)
        patch = await repository.diff(base.tree, tree)
        await repository.changes(base.tree, tree)
        await repository.checkout(tree, tmp_path / "result")
        again = await repository.snapshot()
        assert (await repository.apply(patch)).applied
        assert b"-first\n+changed\n" in patch
        assert (tmp_path / "result" / "b.txt").read_text() == "new\n"
        assert not any(b".git/" in line for line in patch.splitlines() if line.startswith(b"diff "))
        assert (again.tree, mark.exists()) == (base.tree, False)

    async def test_marks_of_overlays_that_are_made_by_hand(
        self, backend: SandboxBackend, tmp_path: Path, python: str
    ) -> None:
        """Attributes and devices that tell overlayfs to look elsewhere, or that something is not there."""
        secret = tmp_path / "host" / "secret"
        secret.parent.mkdir()
        secret.write_text(SECRET)
        code = f"""
            import os, stat
            os.mkdir("d")
            for name, value in (("redirect", b"/../host"), ("opaque", b"y"), ("origin", b"x" * 60), ("metacopy", b"")):
                for place in ("d", "f"):
                    open("f", "a").close()
                    for prefix in ("user.overlay.", "trusted.overlay.", "user.overlay.overlay."):
                        try:
                            os.setxattr(place, prefix + name, value)
                        except OSError:
                            pass
            os.symlink({str(secret)!r}, "d/secret")
            for name in ("a", "d/b"):
                try:
                    os.mknod(name, stat.S_IFCHR, os.makedev(0, 0))
                except OSError:
                    pass
        """
        spec = spec_in(tmp_path, files={"a": b"below"})
        for _ in range(2):  # what the first one left is what the second one looks through
            async with backend.open(spec) as sandbox:
                words = [
                    python,
                    "-c",
                    textwrap.dedent(code).replace('os.mkdir("d")', 'os.makedirs("d", exist_ok=True)'),
                ]
                await sandbox.exec(words, timeout=120)
                found = await sandbox.exec(["sh", "-c", "cat d/secret d/* f; ls -A d"], timeout=120)
                assert SECRET.encode() not in found.output, found
                for change in await sandbox.diff():
                    if change.kind == "write":
                        assert SECRET.encode() not in (await sandbox.read_change(change.path))[1]

    async def test_escapes_for_a_terminal_are_harmless_where_people_look(
        self, backend: SandboxBackend, tmp_path: Path
    ) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            for name, data in ESCAPES.items():
                (raw,) = [(await sandbox.exec(["cat"], stdin=data, timeout=120)).output]
                assert raw == data, name  # a model and the log have the very bytes
                for shown in (plain(decode(raw)), one_line(decode(raw))):
                    bad = [char for char in shown if (ord(char) < 32 and char not in "\n\t") or 127 <= ord(char) < 160]
                    assert not bad, name
                    assert not set("\u202e\u2066") & set(shown), name
            await sandbox.exec(["sh", "-c", "printf x > \"$(printf 'a\\033]0;b\\007c')\""], timeout=120)
            (change,) = await sandbox.diff()
            assert b"\x1b" in change.path
            assert "\x1b" not in one_line(decode(change.path))


class ControlsOfTheHostsReads:
    """A host that reads as one does: by paths, and by git in the folder itself."""

    def test_a_race_without_protection(self, tmp_path: Path) -> None:
        secret = tmp_path / "host" / "secret"
        secret.parent.mkdir()
        secret.write_text(SECRET)
        work = tmp_path / "work"
        work.mkdir()
        command = [sys.executable, "-c", textwrap.dedent(SWAP), str(secret), "10"]
        with subprocess.Popen(command, cwd=work) as swapping:
            try:
                seen: set[str] = set()
                while SECRET not in seen and swapping.poll() is None:
                    try:
                        seen.add((work / "d/deep/secret").read_text())
                    except OSError:
                        continue
            finally:
                swapping.kill()
        assert SECRET in seen

    def test_git_without_protection(self, tmp_path: Path) -> None:
        mark, work = tmp_path / "mark", tmp_path / "work"
        work.mkdir()
        run_git(work, "init", "-q")
        subprocess.run(["sh", "-ec", hostile_git(mark)], cwd=work, check=True)
        run_git(work, "add", "a.txt", "b.txt")
        assert mark.exists()

    @pytest.mark.parametrize("name", sorted(ESCAPES))
    def test_escapes_without_protection(self, name: str) -> None:
        shown = decode(ESCAPES[name])
        assert any(ord(char) < 32 or 127 <= ord(char) < 160 for char in shown) or set("\u202e\u2066") & set(shown)


def hostile_git(mark: Path) -> str:
    """A script that makes everything in a git directory, and beside it, run something that writes `mark`."""
    return textwrap.dedent(HOSTILE_GIT).replace("{mark}", str(mark))


def run_git(folder: Path, *arguments: str) -> None:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    subprocess.run(["git", *arguments], cwd=folder, check=False, capture_output=True, env=env)
