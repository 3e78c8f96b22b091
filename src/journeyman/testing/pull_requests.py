"""What every `PullRequests` must do. Whoever writes one gives the fixtures `forge` (a played one) and `client`."""

import pytest

from journeyman.forge.pull_requests import (
    AlreadyOpen,
    Declined,
    ForgeError,
    ForgeUnreachable,
    NoSuchRepository,
    NotAllowed,
    Proposal,
    PullRequest,
    PullRequests,
    RateLimited,
    TokenRefused,
)
from journeyman.testing.forge_server import ForgeServer, Rights

TOKEN = "token-of-the-shop-bot"
SHOP = "example/shop"


def a_proposal(**changed: object) -> Proposal:
    fields: dict[str, object] = {"branch": "work", "base": "main", "title": "Fix it", "body": "It **was** wrong.\n"}
    return Proposal(**{**fields, **changed})  # type: ignore[reportArgumentType]


def a_shop(forge: ForgeServer) -> str:
    """A repository with a branch to take in; returns the commit of that."""
    forge.world.tokens[TOKEN] = Rights()
    forge.world.add_repository(SHOP, {"a.txt": "one\n"})
    return forge.world.commit(SHOP, {"a.txt": "two\n"}, "Two", "work")


class PullRequestsContract:
    async def test_it_says_whose_the_token_is_and_what_a_repository_is(
        self, forge: ForgeServer, client: PullRequests
    ) -> None:
        a_shop(forge)
        assert await client.account() == "shop-bot"
        assert (await client.repository(SHOP)).path == SHOP
        assert (await client.repository(SHOP)).default_branch == "main"

    async def test_a_pull_request_from_its_opening_to_its_end(self, forge: ForgeServer, client: PullRequests) -> None:
        commit = a_shop(forge)
        assert await client.find(SHOP, "work") is None
        opened = await client.open(SHOP, a_proposal())
        page = "pull" if forge.kind == "github" else "-/merge_requests"
        assert opened == PullRequest(
            number=1,
            url=f"{forge.address}/{SHOP}/{page}/1",  # of the forge, whatever its answer says
            title="Fix it",
            branch="work",
            base="main",
            state="open",
            head=commit,
        )
        kept = forge.world.pulls[SHOP, 1]
        assert (kept.body, kept.author, kept.draft) == ("It **was** wrong.\n", "shop-bot", False)
        assert await client.find(SHOP, "work") == opened
        assert await client.find(SHOP, "other") is None
        changed = await client.update(SHOP, 1, title="Fix all of it")
        assert (changed.title, kept.body) == ("Fix all of it", "It **was** wrong.\n")
        await client.update(SHOP, 1, body="More.")
        assert (kept.title, kept.body) == ("Fix all of it", "More.")
        forge.world.merge(SHOP, 1)
        assert (await client.state(SHOP, 1)).state == "merged"
        assert await client.find(SHOP, "work") is None

    async def test_a_draft_stays_one_when_its_title_changes(self, forge: ForgeServer, client: PullRequests) -> None:
        a_shop(forge)
        opened = await client.open(SHOP, a_proposal(draft=True))
        assert (opened.state, opened.title) == ("draft", "Fix it")
        changed = await client.update(SHOP, opened.number, title="Fix more")
        assert (changed.state, changed.title) == ("draft", "Fix more")
        forge.world.close(SHOP, 1)
        assert (await client.state(SHOP, 1)).state == "closed"

    async def test_the_checks_are_those_of_the_newest_commit(self, forge: ForgeServer, client: PullRequests) -> None:
        a_shop(forge)
        number = (await client.open(SHOP, a_proposal())).number
        assert (await client.state(SHOP, number)).checks == "none"
        for said in ("running", "failed", "passed"):
            forge.world.check(SHOP, number, said)
            assert (await client.state(SHOP, number)).checks == said
        newest = forge.world.commit(SHOP, {"a.txt": "three\n"}, "Three", "work")
        told = await client.state(SHOP, number)
        assert (told.head, told.checks) == (newest, "none")
        forge.world.check(SHOP, number, "passed")
        forge.world.tokens[TOKEN] = Rights(checks=False)
        assert (await client.state(SHOP, number)).state == "open"

    async def test_a_second_one_for_a_branch_is_not_opened(self, forge: ForgeServer, client: PullRequests) -> None:
        a_shop(forge)
        await client.open(SHOP, a_proposal())
        with pytest.raises(AlreadyOpen):
            await client.open(SHOP, a_proposal())

    async def test_what_the_forge_will_not_do_is_told_in_its_words(
        self, forge: ForgeServer, client: PullRequests
    ) -> None:
        a_shop(forge)
        with pytest.raises(Declined, match=r"base|target_branch|does not exist"):
            await client.open(SHOP, a_proposal(base="nowhere"))
        forge.world.archived.add(SHOP)
        with pytest.raises(Declined, match="archived"):
            await client.repository(SHOP)

    async def test_a_revoked_token(self, forge: ForgeServer, client: PullRequests) -> None:
        a_shop(forge)
        del forge.world.tokens[TOKEN]
        with pytest.raises(TokenRefused, match="does not accept the token") as refused:
            await client.account()
        assert TOKEN not in str(refused.value)

    async def test_a_permission_that_is_missing_is_named(self, forge: ForgeServer, client: PullRequests) -> None:
        a_shop(forge)
        forge.world.tokens[TOKEN] = Rights(pulls=False)
        with pytest.raises(NotAllowed, match=r"pull_requests=write|scopes api"):
            await client.open(SHOP, a_proposal())

    async def test_a_repository_that_the_token_is_not_for(self, forge: ForgeServer, client: PullRequests) -> None:
        a_shop(forge)
        forge.world.tokens[TOKEN] = Rights(repositories=("example/other",))
        with pytest.raises(NoSuchRepository, match="shows no repository example/shop"):
            await client.repository(SHOP)

    async def test_too_many_requests_are_waited_for_or_told(self, forge: ForgeServer, client: PullRequests) -> None:
        a_shop(forge)
        forge.faults.limited, forge.faults.wait = 2, 0
        assert await client.account() == "shop-bot"
        forge.faults.limited = 3
        with pytest.raises(RateLimited):
            await client.account()
        forge.faults.limited, forge.faults.wait = 1, 3000
        with pytest.raises(RateLimited, match=r"takes no more requests from this token for (29|30)\d\d s") as limited:
            await client.account()
        assert limited.value.wait == pytest.approx(3000, abs=60)
        assert await client.account() == "shop-bot"

    async def test_a_forge_that_does_not_work(self, forge: ForgeServer, client: PullRequests) -> None:
        a_shop(forge)
        forge.faults.down = True
        with pytest.raises(ForgeUnreachable, match="502"):
            await client.account()
        forge.faults.down = False
        for garbage in (b"<html>", b"[]", b"null", b'{"login": 5, "username": []}'):
            forge.faults.garbage = garbage
            with pytest.raises(ForgeUnreachable, match="cannot be read"):
                await client.account()
        forge.faults.garbage = b"[" * (5 << 20)
        with pytest.raises(ForgeError, match="more than 4 MB"):
            await client.account()

    async def test_a_forge_that_says_the_token_again(self, forge: ForgeServer, client: PullRequests) -> None:
        forge.faults.garbage = f'{{"message": "Bad \\ud800 token {TOKEN}\\u001b[31m"}}'.encode()
        for status in (401, 403, 404, 409, 422, 451):
            forge.faults.status = status
            with pytest.raises(ForgeError, match=r"Bad|merge request for this branch already") as refused:
                await client.account()
            said = str(refused.value)
            assert TOKEN not in said and "\x1b" not in said and said.encode()

    async def test_the_token_is_not_sent_to_another_host(
        self, forge: ForgeServer, client: PullRequests, elsewhere: ForgeServer
    ) -> None:
        a_shop(forge)
        forge.faults.redirect = elsewhere.address
        with pytest.raises(ForgeError, match="another host"):
            await client.account()
        with pytest.raises(ForgeError, match="another host"):
            await client.open(SHOP, a_proposal())
        assert elsewhere.requests == []
