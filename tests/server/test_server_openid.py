"""Signing in by a provider that is played over a socket."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import ECKey

from journeyman.core.settings import OpenIdSettings
from journeyman.server.auth.gate import SignIn
from tests.server.people import World, code, service
from tests.server.provider import CLIENT, SECRET, Provider, path_of, provider, shared_key

ADA = {"sub": "ada-1", "name": "Ada", "email": "Ada@Example.org", "email_verified": True}


@asynccontextmanager
async def played(home: Path, **settings: Any) -> AsyncGenerator[tuple[World, Provider]]:
    async with provider(1_800_000_000.0) as peer:
        openid = OpenIdSettings(issuer=peer.issuer, client_id=CLIENT, name="Example", **settings)
        async with service(home, SignIn(openid=openid, openid_secret=SECRET)) as world:
            peer.claims = dict(ADA)
            yield world, peer


async def sent(client: httpx.AsyncClient, after: str = "/") -> str:
    """Where a browser is sent to come back to us, after the provider has let it through."""
    begun = await client.get("/api/v1/session/openid", params={"next": after})
    assert begun.status_code == 303, begun.text
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(begun.headers["location"])
    return path_of(answer.headers["location"])


async def came_back(client: httpx.AsyncClient, after: str = "/") -> httpx.Response:
    return await client.get(await sent(client, after))


async def test_who_comes_for_the_first_time_becomes_a_person(tmp_path: Path) -> None:
    async with played(tmp_path) as (world, peer):
        browser = await world.client()
        assert (await browser.get("/api/v1/sign-in")).json()["openid"] == "Example"
        answer = await came_back(browser, "/tasks/1?tab=checks")
        assert (answer.status_code, answer.headers["location"]) == (303, "/tasks/1?tab=checks")
        me = (await browser.get("/api/v1/session")).json()
        assert (me["person"]["name"], me["person"]["email"], me["role"]) == ("Ada", "ada@example.org", "member")
        assert (me["person"]["subject"], me["has_password"]) == (f"{peer.issuer} ada-1", False)
        # It is the subject that counts: the address may change, and the second time nobody is added.
        peer.claims["email"] = "ada@elsewhere.org"
        other = await world.client()
        await came_back(other)
        assert (await other.get("/api/v1/session")).json()["person"]["id"] == me["person"]["id"]
        assert await world.acts() == ["person.joined", "sign-in"]
        assert peer.asked == ["discovery", "keys"]


async def test_nobody_is_sent_elsewhere_afterwards(tmp_path: Path) -> None:
    async with played(tmp_path) as (world, _):
        browser = await world.client()
        for after in ("https://evil.example.net/", "//evil.example.net", "/\\evil", "\\\\evil", "/a\nb", "x"):
            assert (await came_back(browser, after)).headers["location"] == "/", after


async def test_an_answer_counts_once_and_in_the_browser_that_asked(tmp_path: Path) -> None:
    async with played(tmp_path) as (world, _):
        browser, other = await world.client(), await world.client()
        back = await sent(browser)
        assert code(await other.get(back)) == (401, "unauthorized")  # somebody else's browser is led here
        await sent(other)
        assert code(await other.get(back)) == (401, "unauthorized")  # with a sign-in of its own begun
        assert (await browser.get(back)).status_code == 303
        assert code(await browser.get(back)) == (401, "unauthorized")
        await sent(browser)
        for wrong in ("?state=x&code=y", "?code=y", "?error=access_denied&state=x", "?"):
            assert code(await browser.get(f"/api/v1/session/openid/callback{wrong}")) == (401, "unauthorized")
        for query in ({"iss": "https://evil.example.net"}, {"error": "<b>no</b>"}):
            back = await sent(browser)
            refused = await browser.get(back + "&" + "&".join(f"{key}={value}" for key, value in query.items()))
            assert code(refused) == (401, "unauthorized")
            assert "<b>" not in refused.text


WRONG: list[dict[str, Any]] = [
    {"iss": "https://evil.example.net"},
    {"aud": "another client"},
    {"aud": [CLIENT, "another"], "azp": "another"},
    {"nonce": "another sign-in's"},
    {"nonce": None},
    {"exp": 1_700_000_000},
    {"iat": 1_900_000_000},
    {"sub": None},
]


async def test_an_id_token_that_is_not_for_this_sign_in_is_refused(tmp_path: Path) -> None:
    async with played(tmp_path) as (world, peer):
        browser = await world.client()
        for change in WRONG:
            peer.change = change
            assert code(await came_back(browser)) == (401, "unauthorized"), change
        peer.change = {}
        peer.signs_with = ECKey.generate_key("P-256", {"kid": "one"})  # another's key by the same name
        assert code(await came_back(browser)) == (401, "unauthorized")
        peer.signs_with, peer.algorithm = shared_key(), "HS256"
        assert code(await came_back(browser)) == (401, "unauthorized")
        assert await world.store.people.all() == []


async def test_a_provider_changes_its_keys(tmp_path: Path) -> None:
    async with played(tmp_path) as (world, peer):
        assert (await came_back(await world.client())).status_code == 303
        peer.key = ECKey.generate_key("P-256", {"kid": "two"})
        assert (await came_back(await world.client())).status_code == 303
        assert peer.asked == ["discovery", "keys"] * 2


async def test_nobody_takes_an_account_by_its_address(tmp_path: Path) -> None:
    async with played(tmp_path) as (world, peer):
        admin = await world.administrator()  # ada@example.org, by a password
        browser = await world.client()
        assert code(await came_back(browser)) == (409, "conflict")
        # Somebody whom an administrator added without a password comes by the provider, with a verified address alone.
        added = await admin.post("/api/v1/people", json={"name": "Bo", "email": "bo@example.org", "role": "viewer"})
        peer.claims = {"sub": "bo-1", "email": "bo@example.org", "email_verified": False}
        assert code(await came_back(browser)) == (409, "conflict")
        peer.claims["email_verified"] = True
        assert (await came_back(browser)).status_code == 303
        assert (await browser.get("/api/v1/session")).json()["person"]["id"] == added.json()["id"]
        peer.claims["sub"] = "bo-2"
        assert code(await came_back(browser)) == (409, "conflict")
        await admin.patch(f"/api/v1/people/{added.json()['id']}", json={"disabled": True})
        peer.claims["sub"] = "bo-1"
        assert code(await came_back(browser)) == (401, "unauthorized")


async def test_settings_say_who_may_come_and_who_administers(tmp_path: Path) -> None:
    settings = {
        "domains": ("example.org",),
        "groups_claim": "groups",
        "admin_groups": ("ops",),
        "allowed_groups": ("dev", "ops"),
        "role": "viewer",
    }
    async with played(tmp_path, **settings) as (world, peer):
        browser = await world.client()
        for claims in (
            ADA,
            ADA | {"groups": ["sales"]},
            ADA | {"groups": "dev"},
            ADA | {"groups": ["dev"], "email": "ada@example.net"},
            ADA | {"groups": ["dev"], "email_verified": False},
        ):
            peer.claims = claims
            assert code(await came_back(browser)) == (401, "unauthorized"), claims
        peer.claims = ADA | {"groups": ["dev", "ops"]}
        assert (await came_back(browser)).status_code == 303
        assert (await browser.get("/api/v1/session")).json()["role"] == "admin"
        await world.person(await world.administrator_of(browser), "cy", "admin")
        peer.claims = ADA | {"groups": ["dev"]}
        assert (await came_back(browser)).status_code == 303
        assert (await browser.get("/api/v1/session")).json()["role"] == "viewer"


async def test_who_was_not_added_does_not_come_where_nobody_signs_up(tmp_path: Path) -> None:
    async with played(tmp_path, sign_up=False) as (world, _):
        assert code(await came_back(await world.client())) == (401, "unauthorized")


async def test_an_address_may_be_told_apart_from_the_token(tmp_path: Path) -> None:
    async with played(tmp_path) as (world, peer):
        peer.claims = {"sub": "ada-1"}
        peer.userinfo = ADA | {"sub": "somebody else"}
        browser = await world.client()
        assert code(await came_back(browser)) == (401, "unauthorized")
        peer.userinfo = dict(ADA)
        assert (await came_back(browser)).status_code == 303


async def test_a_provider_that_is_away_or_another_is_told(tmp_path: Path) -> None:
    async with played(tmp_path) as (world, peer):
        browser = await world.client()
        issuer, peer.issuer = peer.issuer, "https://evil.example.net"
        assert code(await browser.get("/api/v1/session/openid")) == (401, "unauthorized")
        peer.issuer = issuer
        assert (await browser.get("/api/v1/session/openid")).status_code == 303
    openid = OpenIdSettings(issuer=issuer, client_id=CLIENT)
    async with service(tmp_path / "other", SignIn(openid=openid)) as world:
        away = await (await world.client()).get("/api/v1/session/openid")
        assert code(away) == (503, "unavailable")
    async with service(tmp_path / "none") as world:
        assert code(await (await world.client()).get("/api/v1/session/openid")) == (404, "not_found")
