from pathlib import Path

from journeyman.core.people import Invitation
from journeyman.server.auth.gate import Rates, SignIn
from journeyman.server.auth.limits import Limiter, network
from journeyman.server.service import first_link
from tests.server.people import PASSWORD, code, cookie, service


async def test_the_printed_link_makes_the_first_administrator_once(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        browser = await world.client()
        assert (await browser.get("/api/v1/sign-in")).json() == {
            "open": False,
            "passwords": True,
            "openid": None,
            "ready": False,
        }
        first = await first_link(world.parts, world.base)
        second = await first_link(world.parts, world.base)
        assert first is not None and second is not None and second.startswith("http://localhost:8700/join#")
        wanted = {"secret": second.partition("#")[2], "name": "Ada", "email": "Ada@Example.org", "password": PASSWORD}
        answer = await browser.post("/api/v1/session/invitation", json=wanted)
        assert answer.json()["role"] == "admin"
        assert answer.json()["person"]["email"] == "ada@example.org"
        assert cookie(answer) == ("journeyman_session=SECRET; HttpOnly; Max-Age=7776000; Path=/; SameSite=lax")
        again = await browser.post("/api/v1/session/invitation", json=wanted | {"email": "eve@example.org"})
        assert code(again) == (404, "not_found")
        other = wanted | {"email": "eve@example.org", "secret": first.partition("#")[2]}
        stale = await browser.post("/api/v1/session/invitation", json=other)
        assert code(stale) == (404, "not_found")  # that of another server, or of an earlier start
        assert await first_link(world.parts, world.base) is None
        assert (await browser.get("/api/v1/session")).json()["scopes"] == ["read", "write", "admin"]
        assert await world.acts() == ["invitation.created", "invitation.created", "person.joined"]


async def test_a_cookie_is_bound_to_its_host_where_there_is_https(tmp_path: Path) -> None:
    async with service(tmp_path, base="https://jm.example.org") as world:
        await world.administrator()
        browser = await world.client()
        wanted = {"email": "ada@example.org", "password": PASSWORD}
        answer = await browser.post("/api/v1/session", json=wanted)
        assert cookie(answer).startswith("__Host-journeyman_session=SECRET; HttpOnly; ")
        assert "; Secure" in cookie(answer)
        # A cookie of the plain name may be set by any host of the domain: it is no session here.
        secret = answer.cookies["__Host-journeyman_session"]
        other = await world.client()
        answer = await other.get("/api/v1/session", headers={"Cookie": f"journeyman_session={secret}"})
        assert code(answer) == (401, "unauthorized")


async def test_nobody_learns_who_has_an_account(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        await world.person(admin, "bo")
        ids = {person["name"]: person["id"] for person in (await admin.get("/api/v1/people")).json()["people"]}
        await world.store.people.set_password(ids["bo"], None)
        browser = await world.client()
        answers = [
            await browser.post("/api/v1/session", json={"email": email, "password": password})
            for email, password in (
                ("ada@example.org", "wrong password"),
                ("nobody@example.org", PASSWORD),
                ("bo@example.org", PASSWORD),  # comes by a provider alone
            )
        ]
        assert {(answer.status_code, answer.text) for answer in answers} == {
            (
                401,
                '{"error":{"code":"unauthorized","message":"The address or the password is not right.",'
                '"details":null,"reason":"sign_in.wrong","values":{}}}',
            )
        }
        assert (await world.acts())[-3:] == ["sign-in.refused"] * 3


async def test_a_session_is_new_with_each_sign_in_and_ends_with_it(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        browser = await world.administrator()
        before = browser.cookies["journeyman_session"]
        wanted = {"email": "ada@example.org", "password": PASSWORD}
        answer = await browser.post("/api/v1/session", json=wanted)
        assert browser.cookies["journeyman_session"] != before
        thief = await world.client()
        thief.cookies.set("journeyman_session", before)
        assert code(await thief.get("/api/v1/session")) == (401, "unauthorized")
        # A secret that somebody made up and planted in the browser is not taken on.
        victim = await world.client()
        victim.cookies.set("journeyman_session", "planted")
        answer = await victim.post("/api/v1/session", json=wanted)
        assert answer.cookies["journeyman_session"] != "planted"
        now = answer.cookies["journeyman_session"]
        headers = {"X-CSRF-Token": answer.json()["csrf"], "Cookie": f"journeyman_session={now}"}
        plain = await world.client()
        assert (await plain.delete("/api/v1/session", headers=headers)).status_code == 204
        assert code(await plain.get("/api/v1/session", headers=headers)) == (401, "unauthorized")


async def test_a_session_that_is_used_goes_on_for_a_while(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        browser = await world.administrator()
        for _ in range(8):
            world.clock.now += 10 * 86400
            assert (await browser.get("/api/v1/session")).status_code == 200
        world.clock.now += 10.1 * 86400  # 90 days after it was begun
        assert code(await browser.get("/api/v1/session")) == (401, "unauthorized")
        other = await world.signed_in("ada@example.org")
        world.clock.now += 14.1 * 86400
        assert code(await other.get("/api/v1/session")) == (401, "unauthorized")


async def test_tries_at_passwords_are_counted_by_account_and_place(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        await world.administrator()
        browser = await world.client()
        wrong = {"email": "ada@example.org", "password": "wrong password"}
        statuses = [(await browser.post("/api/v1/session", json=wrong)).status_code for _ in range(11)]
        assert statuses == [401] * 10 + [429]
        slow = await browser.post("/api/v1/session", json=wrong | {"password": PASSWORD})
        assert code(slow) == (429, "rate_limited")
        assert 0 < int(slow.headers["Retry-After"]) <= 91
        others = [
            (await browser.post("/api/v1/session", json={"email": f"{n}@example.org", "password": "x"})).status_code
            for n in range(21)
        ]
        assert others == [401] * 20 + [429]


async def test_strangers_may_not_try_tokens_for_ever(tmp_path: Path) -> None:
    async with service(tmp_path, rates=Rates(strangers=Limiter(3, 1))) as world:
        admin = await world.administrator()
        good = await world.token(admin)
        thief = await world.client("jm_wrong")
        assert [(await thief.get("/api/v1/session")).status_code for _ in range(4)] == [401, 401, 401, 429]
        friend = await world.client(good)
        assert (await friend.get("/api/v1/session")).status_code == 429  # from the same place


async def test_one_person_may_not_ask_without_end(tmp_path: Path) -> None:
    async with service(tmp_path, rates=Rates(requests=Limiter(5, 0.1))) as world:
        admin = await world.administrator()
        statuses = [(await admin.get("/api/v1/session")).status_code for _ in range(6)]
        assert statuses == [200] * 5 + [429]


def test_a_limiter_fills_up_with_time() -> None:
    now = [0.0]
    limiter = Limiter(2, 0.5, clock=lambda: now[0])
    assert [limiter.take("a"), limiter.take("a"), limiter.take("a"), limiter.take("b")] == [0, 0, 2, 0]
    now[0] = 3.0
    assert [limiter.take("a"), limiter.take("a")] == [0, 1]
    assert network("2001:db8::1:2:3:4") == network("2001:db8::4") == "2001:db8::/64"
    assert (network("::ffff:10.0.0.1"), network("10.0.0.1"), network("unix")) == ("10.0.0.1", "10.0.0.1", "unix")


async def test_an_invitation_says_who_joins_and_with_what(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        group = (await admin.post("/api/v1/groups", json={"name": "shop"})).json()["id"]
        made = await admin.post(
            "/api/v1/invitations", json={"role": "viewer", "email": "Bo@example.org", "groups": [group]}
        )
        secret = made.json()["link"].partition("#")[2]
        assert made.json()["invitation"]["id"] not in secret
        browser = await world.client()
        look = await browser.post("/api/v1/session/invitation/look", json={"secret": secret})
        assert look.json() == {
            "role": "viewer",
            "email": "bo@example.org",
            "person": None,
            "expires": world.clock.now + 72 * 3600,
        }
        easy = {"secret": secret, "name": "Bo", "password": "bo@example.org"}
        assert code(await browser.post("/api/v1/session/invitation", json=easy)) == (422, "invalid")
        wanted = {"secret": secret, "name": "Bo", "email": "eve@example.org", "password": PASSWORD}
        me = (await browser.post("/api/v1/session/invitation", json=wanted)).json()
        assert (me["person"]["email"], me["role"], me["person"]["groups"]) == ("bo@example.org", "viewer", [group])
        assert (await admin.get("/api/v1/invitations")).json() == {"invitations": []}
        late = await admin.post("/api/v1/invitations", json={"hours": 1})
        withdrawn = await admin.post("/api/v1/invitations", json={})
        assert (await admin.delete(f"/api/v1/invitations/{withdrawn.json()['invitation']['id']}")).status_code == 204
        world.clock.now += 3601
        for each in (late, withdrawn):
            secret = each.json()["link"].partition("#")[2]
            answer = await (await world.client()).post("/api/v1/session/invitation/look", json={"secret": secret})
            assert code(answer) == (404, "not_found")


async def test_a_new_password_ends_what_the_old_one_began(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        bo = await world.member(admin, "bo")
        other = await world.signed_in("bo@example.org")
        token = await world.client(await world.token(bo))
        wrong = await bo.post("/api/v1/session/password", json={"current": "nonsense!!", "password": "a new phrase"})
        assert code(wrong) == (403, "forbidden")
        changed = await bo.post("/api/v1/session/password", json={"current": PASSWORD, "password": "a new phrase"})
        assert changed.status_code == 204
        assert (await bo.get("/api/v1/session")).status_code == 200
        assert code(await other.get("/api/v1/session")) == (401, "unauthorized")
        assert (await token.get("/api/v1/session")).status_code == 200
        person = (await bo.get("/api/v1/session")).json()["person"]["id"]
        link = (await admin.post(f"/api/v1/people/{person}/reset")).json()["link"]
        browser = await world.client()
        wanted = {"secret": link.partition("#")[2], "password": "the newest phrase"}
        assert (await browser.post("/api/v1/session/invitation", json=wanted)).json()["person"]["name"] == "bo"
        for each in (bo, token):
            assert code(await each.get("/api/v1/session")) == (401, "unauthorized")
        await world.signed_in("bo@example.org", "the newest phrase")


async def test_a_server_without_sign_in_has_nobody(tmp_path: Path) -> None:
    async with service(tmp_path, SignIn(open=True)) as world:
        browser = await world.client()
        me = (await browser.get("/api/v1/session")).json()
        assert me == {
            "person": None,
            "role": "admin",
            "scopes": ["read", "write", "admin"],
            "groups": ["everybody"],
            "way": "open",
            "csrf": None,
            "has_password": False,
        }
        assert code(await browser.post("/api/v1/session", json={"email": "a@b", "password": "x"})) == (409, "conflict")
        assert code(await browser.post("/api/v1/tokens", json={"name": "t"})) == (409, "conflict")
        wanted = Invitation(id="", role="admin", expires=world.clock.now + 60)
        _, secret = await world.store.access.invite(wanted)
        accept = {"secret": secret, "name": "x", "email": "a@b", "password": PASSWORD}
        assert code(await browser.post("/api/v1/session/invitation", json=accept)) == (409, "conflict")
