"""GitHub and GitLab, played on loopback."""

import socket
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from journeyman.core.errors import UsageError
from journeyman.core.pull_request import ForgeKind
from journeyman.forge.connect import connect
from journeyman.forge.github import GitHub
from journeyman.forge.places import place, repository_at
from journeyman.forge.pull_requests import ForgeUnreachable, PullRequests
from journeyman.testing.forge_server import ForgeServer
from journeyman.testing.pull_requests import SHOP, TOKEN, PullRequestsContract, a_proposal, a_shop


@pytest.fixture
def elsewhere(tmp_path: Path) -> Generator[ForgeServer]:
    with ForgeServer("github", tmp_path / "elsewhere") as forge:
        yield forge


class Played(PullRequestsContract):
    kind: ForgeKind

    @pytest.fixture
    def forge(self, tmp_path: Path) -> Generator[ForgeServer]:
        with ForgeServer(self.kind, tmp_path / "forge") as forge:
            yield forge

    @pytest.fixture
    async def client(self, forge: ForgeServer) -> AsyncGenerator[PullRequests]:
        async with connect(place(self.kind, forge.address), TOKEN) as client:
            yield client


class TestGitHub(Played):
    kind = "github"

    async def test_a_repository_that_was_renamed_is_found(self, forge: ForgeServer, client: PullRequests) -> None:
        a_shop(forge)
        forge.world.renamed["example/old"] = SHOP
        assert (await client.repository("example/old")).path == SHOP

    async def test_check_runs_and_statuses_count_together(self, forge: ForgeServer, client: PullRequests) -> None:
        a_shop(forge)
        await client.open(SHOP, a_proposal())
        forge.world.check(SHOP, 1, "passed")
        await client.state(SHOP, 1)
        asked = [one.path for one in forge.requests[-2:]]
        assert [path.rpartition("/")[2] for path in asked] == ["check-runs", "status"]


class TestGitLab(Played):
    kind = "gitlab"


async def test_nobody_at_the_address_and_somebody_who_says_nothing(tmp_path: Path) -> None:
    with ForgeServer("github", tmp_path) as forge:
        gone = place("github", forge.address)
    async with GitHub(gone, TOKEN) as client:
        with pytest.raises(ForgeUnreachable, match="cannot be reached"):
            await client.account()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        there = place("github", f"http://127.0.0.1:{silent.getsockname()[1]}")
        async with GitHub(there, TOKEN, seconds=0.3) as client:
            with pytest.raises(ForgeUnreachable, match="did not answer"):
                await client.account()


@pytest.mark.parametrize(
    ("kind", "given", "name", "address", "api"),
    [
        ("github", "https://GitHub.com/", "github.com", "https://github.com", "https://api.github.com"),
        ("github", "https://shop.ghe.com", "shop.ghe.com", "https://shop.ghe.com", "https://api.shop.ghe.com"),
        ("github", "https://git.example:443", "git.example", "https://git.example", "https://git.example/api/v3"),
        ("gitlab", "https://x.example/lab/", "x.example-lab", "https://x.example/lab", "https://x.example/lab/api/v4"),
        ("gitlab", "http://[::1]:81", "1-81", "http://[::1]:81", "http://[::1]:81/api/v4"),
    ],
)
def test_where_a_forge_is(kind: ForgeKind, given: str, name: str, address: str, api: str) -> None:
    found = place(kind, given)
    assert (found.name, found.address, found.api) == (name, address, api)


@pytest.mark.parametrize(
    "given",
    [
        "http://github.com",
        "http://127.0.0.1.evil.example",
        "ftp://127.0.0.1",
        "https://user@github.com",
        "https://",
        "github.com",
        "https://x.example/?q",
        "https://x.example:99999",
    ],
)
def test_where_no_forge_is(given: str) -> None:
    with pytest.raises(UsageError):
        place("github", given)
    with pytest.raises(UsageError):
        place("github", "https://x.example", given)


@pytest.mark.parametrize(
    ("remote", "repository"),
    [
        ("https://git.example/a/b.git", "a/b"),
        ("https://git.example:443/a/b/", "a/b"),
        ("https://ann@git.example/a/b", "a/b"),
        ("ssh://git@git.example:2222/a/b.git", "a/b"),
        ("git@git.example:a/b.git", "a/b"),
        ("git@GIT.example:a/b", "a/b"),
        ("http://git.example/a/b", None),
        ("https://git.example:8443/a/b", None),
        ("https://git.example.evil.example/a/b", None),
        ("https://evil.example/git.example/a/b", None),
        ("https://git.example@evil.example/a/b", None),
        ("https://git.example/a", None),
        ("https://git.example/a/b/c", None),
        ("https://git.example/a/..", None),
        ("https://git.example/a/b?x=1", None),
        ("https://git.example/a/b%2e", None),
        ("/srv/git.example:a/b", None),
    ],
)
def test_which_repository_an_address_means(remote: str, repository: str | None) -> None:
    assert repository_at(place("github", "https://git.example"), remote) == repository


def test_a_forge_below_a_path_and_groups_within_groups() -> None:
    lab = place("gitlab", "https://x.example/lab")
    assert repository_at(lab, "https://x.example/lab/a/b/c.git") == "a/b/c"
    assert repository_at(lab, "https://x.example/labour/a/b") is None
    assert repository_at(lab, "https://x.example/a/b") is None
