"""Calls of apply_patch through a shell."""

import pytest

from journeyman.repo.patch import PatchError, extract_from_shell

PATCH = "*** Begin Patch\n*** Add File: a\n+it is $HOME\n*** End Patch"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["apply_patch", PATCH], (None, PATCH)),
        (["applypatch", PATCH], (None, PATCH)),
        (["bash", "-lc", f"apply_patch <<'EOF'\n{PATCH}\nEOF"], (None, PATCH)),
        (["/bin/sh", "-c", f'apply_patch << "END"\n{PATCH}\nEND\n'], (None, PATCH)),
        (["zsh", "-lc", f"applypatch <<PATCH\n{PATCH}\nPATCH\n\n"], (None, PATCH)),
        (f"apply_patch <<'EOF'\n{PATCH}\nEOF\n", (None, PATCH)),
        (f"\n  apply_patch <<'EOF'\n{PATCH}\nEOF\n", (None, PATCH)),
        (["bash", "-lc", f"cd pkg/sub && apply_patch <<'EOF'\n{PATCH}\nEOF\n"], ("pkg/sub", PATCH)),
        (f"cd 'my dir' && apply_patch <<'EOF'\n{PATCH}\nEOF\n", ("my dir", PATCH)),
        (f'cd "my dir" && apply_patch <<EOF\n{PATCH}\nEOF\n', ("my dir", PATCH)),
        (f"apply_patch '{PATCH}'", (None, PATCH)),
        (f"cd pkg && apply_patch '\n{PATCH}\n'", ("pkg", f"\n{PATCH}\n")),
    ],
)
def test_a_call_is_recognised(command: list[str] | str, expected: tuple[str | None, str]) -> None:
    assert extract_from_shell(command) == expected


@pytest.mark.parametrize(
    "command",
    [
        ["ls"],
        ["apply_patch"],
        ["apply_patch", PATCH, "more"],
        ["python", "-c", f"apply_patch <<'EOF'\n{PATCH}\nEOF"],
        ["bash", "-x", f"apply_patch <<'EOF'\n{PATCH}\nEOF"],
        "",
        "git apply x.patch",
        f"cat <<'EOF' | apply_patch\n{PATCH}\nEOF\n",
        f"apply_patch <<'EOF'\n{PATCH}\nEOF\necho done",
        f"apply_patch <<'EOF' && echo done\n{PATCH}\nEOF\n",
        f"echo x; apply_patch <<'EOF'\n{PATCH}\nEOF\n",
        f"cd a && cd b && apply_patch <<'EOF'\n{PATCH}\nEOF\n",
        f"cd $DIR && apply_patch <<'EOF'\n{PATCH}\nEOF\n",
        f"cd a; apply_patch <<'EOF'\n{PATCH}\nEOF\n",
        f'apply_patch "{PATCH}"',
    ],
)
def test_any_other_command_is_a_command(command: list[str] | str) -> None:
    assert extract_from_shell(command) is None


@pytest.mark.parametrize("command", [[PATCH], ["bash", "-lc", PATCH], f"\n{PATCH}\n"])
def test_a_patch_as_the_command_is_refused(command: list[str] | str) -> None:
    with pytest.raises(PatchError, match="Call apply_patch with it instead"):
        extract_from_shell(command)
