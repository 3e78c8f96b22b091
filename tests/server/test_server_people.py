"""Who may do what: roles, scopes, groups, and people who may not any more."""

from pathlib import Path

from journeyman.core.task import Attempt, Task
from tests.server.people import PASSWORD, code, service


async def test_a_token_does_what_its_scopes_and_its_persons_role_allow(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        bo = await world.member(admin, "bo")
        vi = await world.member(admin, "vi", "viewer")
        assert code(await bo.post("/api/v1/tokens", json={"name": "t", "scopes": ["admin"]})) == (403, "forbidden")
        assert code(await vi.post("/api/v1/tokens", json={"name": "t", "scopes": ["write"]})) == (403, "forbidden")
        reads = await world.client(await world.token(admin, "read"))
        writes = await world.client(await world.token(admin, "write"))
        all_ = await world.client(await world.token(admin, "admin"))
        assert [(await each.get("/api/v1/groups")).status_code for each in (reads, writes, all_)] == [200] * 3
        told = [code(await each.post("/api/v1/groups", json={"name": "x"})) for each in (reads, writes)]
        assert told == [(403, "forbidden")] * 2
        assert (await all_.post("/api/v1/groups", json={"name": "x"})).status_code == 201
        # A token makes no tokens, changes no password, and ends with its person's right to it.
        assert code(await all_.post("/api/v1/tokens", json={"name": "t"})) == (403, "forbidden")
        change = {"current": PASSWORD, "password": "another phrase"}
        assert code(await all_.post("/api/v1/session/password", json=change)) == (403, "forbidden")
        own = await world.client(await world.token(bo, "write"))
        person = (await bo.get("/api/v1/session")).json()["person"]["id"]
        await admin.patch(f"/api/v1/people/{person}", json={"role": "viewer"})
        assert (await own.get("/api/v1/session")).json()["scopes"] == ["read"]
        # An administrator's token without the scope sees what anybody sees.
        assert [each["name"] for each in (await reads.get("/api/v1/people")).json()["people"]] == ["Ada"]


async def test_a_token_is_shown_once_and_runs_out(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        secret = await world.token(admin, "read", days=2)
        listed = (await admin.get("/api/v1/tokens")).text
        assert secret not in listed and "digest" not in listed
        assert secret not in (tmp_path / "journeyman.sqlite").read_bytes().decode("latin-1")
        program = await world.client(secret)
        assert (await program.get("/api/v1/session")).status_code == 200
        assert (await admin.get("/api/v1/tokens")).json()["tokens"][0]["used"] == world.clock.now
        world.clock.now += 2 * 86400
        assert code(await program.get("/api/v1/session")) == (401, "unauthorized")
        for_ever = await world.token(admin, "read", days=None)
        world.clock.now += 10 * 86400
        lasting = await world.client(for_ever)
        assert (await lasting.get("/api/v1/session")).status_code == 200
        token_id = (await admin.get("/api/v1/tokens")).json()["tokens"][0]["id"]
        assert (await lasting.delete(f"/api/v1/tokens/{token_id}")).status_code == 204
        assert code(await lasting.get("/api/v1/session")) == (401, "unauthorized")


async def test_who_is_disabled_is_out_at_once(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        bo = await world.member(admin, "bo")
        program = await world.client(await world.token(bo, "write"))
        person = (await bo.get("/api/v1/session")).json()["person"]["id"]
        link = (await admin.post(f"/api/v1/people/{person}/reset")).json()["link"]
        assert (await admin.patch(f"/api/v1/people/{person}", json={"disabled": True})).json()["disabled"] is True
        for client in (bo, program):
            assert code(await client.get("/api/v1/session")) == (401, "unauthorized")
        stranger = await world.client()
        wanted = {"email": "bo@example.org", "password": PASSWORD}
        assert code(await stranger.post("/api/v1/session", json=wanted)) == (401, "unauthorized")
        accept = {"secret": link.partition("#")[2], "password": "another phrase"}
        assert code(await stranger.post("/api/v1/session/invitation", json=accept)) == (404, "not_found")
        assert code(await admin.post(f"/api/v1/people/{person}/reset")) == (409, "conflict")
        # What they had does not come back with them.
        await admin.patch(f"/api/v1/people/{person}", json={"disabled": False})
        assert code(await program.get("/api/v1/session")) == (401, "unauthorized")
        assert (await stranger.post("/api/v1/session", json=wanted)).status_code == 200


async def test_somebody_always_administers(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        me = (await admin.get("/api/v1/session")).json()["person"]["id"]
        for change in ({"role": "member"}, {"disabled": True}):
            refused = await admin.patch(f"/api/v1/people/{me}", json=change)
            assert code(refused) == (409, "conflict")
            assert "the last administrator" in refused.json()["error"]["message"]
        await world.person(admin, "bo", "admin")
        assert (await admin.patch(f"/api/v1/people/{me}", json={"role": "member"})).status_code == 200
        assert code(await admin.post("/api/v1/groups", json={"name": "x"})) == (403, "forbidden")


ADMINISTRATORS = [
    ("POST", "/people", {"name": "x", "email": "x@example.org", "role": "admin"}),
    ("GET", "/invitations", None),
    ("POST", "/invitations", {"role": "admin"}),
    ("DELETE", "/invitations/0123456789abcdef", None),
    ("POST", "/people/{bo}/reset", None),
    ("DELETE", "/people/{bo}/sessions", None),
    ("POST", "/groups", {"name": "x"}),
    ("PATCH", "/groups/{group}", {"name": "x"}),
    ("DELETE", "/groups/{group}", None),
    ("PUT", "/groups/{group}/members/{vi}", None),
    ("DELETE", "/groups/{group}/members/{bo}", None),
    ("GET", "/quotas", None),
    ("PUT", "/quotas/everybody", {}),
    ("DELETE", "/quotas/everybody", None),
    ("GET", "/audit", None),
    ("GET", "/workers", None),
    ("GET", "/secrets", None),
    ("PUT", "/secrets/NAME", {"value": "something"}),
    ("DELETE", "/secrets/NAME", None),
    ("POST", "/models", {"name": "m", "settings": {"wire": "chat", "base_url": "http://127.0.0.1:1/v1", "name": "m"}}),
    ("DELETE", "/models/m", None),
    ("POST", "/models/m/test", None),
]


async def test_what_is_an_administrators_is_nobody_elses(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        group = (await admin.post("/api/v1/groups", json={"name": "shop"})).json()["id"]
        bo = await world.member(admin, "bo", "member", group)
        vi = await world.member(admin, "vi", "viewer")
        ids = {each["name"]: each["id"] for each in (await admin.get("/api/v1/people")).json()["people"]}
        before = await world.acts()
        for method, path, body in ADMINISTRATORS:
            where = f"/api/v1{path}".format(group=group, **ids)
            for client in (bo, vi):
                answer = await client.request(method, where, json=body)
                assert code(answer) == (403, "forbidden"), (method, path)
        assert await world.acts() == before
        for client, wanted in (
            (vi, {"name": "x", "repository": "https://example.org/x.git", "environment": {"name": "x"}}),
            (
                vi,
                {"name": "s", "cron": "0 7 * * *", "task": {"prompt": "p", "repository": "https://example.org/x.git"}},
            ),
        ):
            path = "/api/v1/schedules" if "cron" in wanted else "/api/v1/environments"
            assert code(await client.post(path, json=wanted)) == (403, "forbidden")


async def test_people_know_those_of_their_groups(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        shop = (await admin.post("/api/v1/groups", json={"name": "shop"})).json()["id"]
        yard = (await admin.post("/api/v1/groups", json={"name": "yard"})).json()["id"]
        bo = await world.member(admin, "bo", "member", shop)
        await world.person(admin, "cy", "member", shop, yard)
        di = await world.member(admin, "di", "member", yard)
        people = {each["name"]: each for each in (await bo.get("/api/v1/people")).json()["people"]}
        assert {name: (each["email"], each["groups"]) for name, each in people.items()} == {
            "bo": ("bo@example.org", [shop]),
            "cy": ("", [shop]),
        }
        ids = {each["name"]: each["id"] for each in (await admin.get("/api/v1/people")).json()["people"]}
        for name in ("di", "Ada"):
            assert code(await bo.get(f"/api/v1/people/{ids[name]}")) == (404, "not_found")
            assert code(await bo.patch(f"/api/v1/people/{ids[name]}", json={"name": "x"})) == (404, "not_found")
        assert [each["name"] for each in (await di.get("/api/v1/groups")).json()["groups"]] == ["Everybody", "yard"]
        # One's own name is one's own; the rest is not.
        assert (await bo.patch(f"/api/v1/people/{ids['bo']}", json={"name": "Bo B."})).json()["name"] == "Bo B."
        for change in ({"role": "admin"}, {"groups": [yard]}, {"email": "x@example.org"}, {"disabled": False}):
            assert code(await bo.patch(f"/api/v1/people/{ids['bo']}", json=change)) == (403, "forbidden")
        theirs = (await admin.get(f"/api/v1/tokens?person={ids['bo']}")).json()
        assert theirs == {"tokens": []}
        assert code(await bo.get(f"/api/v1/tokens?person={ids['di']}")) == (404, "not_found")
        await world.token(di)
        token_id = (await di.get("/api/v1/tokens")).json()["tokens"][0]["id"]
        assert code(await bo.delete(f"/api/v1/tokens/{token_id}")) == (404, "not_found")
        assert (await admin.delete(f"/api/v1/tokens/{token_id}")).status_code == 204


async def test_groups_come_and_go(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        shop = (await admin.post("/api/v1/groups", json={"name": "shop"})).json()["id"]
        assert code(await admin.post("/api/v1/groups", json={"name": "shop"})) == (409, "conflict")
        person = await world.person(admin, "bo")
        put = await admin.put(f"/api/v1/groups/{shop}/members/{person.id}")
        assert put.json()["members"] == [person.id]
        assert (await admin.put(f"/api/v1/groups/{shop}/members/{person.id}")).json()["members"] == [person.id]
        assert (await admin.patch(f"/api/v1/groups/{shop}", json={"name": "Shop"})).json()["name"] == "Shop"
        assert (await admin.delete(f"/api/v1/groups/{shop}/members/{person.id}")).json()["members"] == []
        for path in ("/groups/nope", "/people/nope", "/invitations/nope", f"/groups/{shop}/members/nope"):
            assert code(await admin.delete(f"/api/v1{path}")) in ((404, "not_found"), (405, "method_not_allowed"))
        assert code(await admin.put("/api/v1/groups/everybody/members/x")) == (404, "not_found")
        wanted = {"name": "x", "email": "bo@example.org"}
        assert code(await admin.post("/api/v1/people", json=wanted)) == (409, "conflict")
        unknown = wanted | {"email": "x@example.org", "groups": ["nope"]}
        assert code(await admin.post("/api/v1/people", json=unknown)) == (422, "invalid")
        assert (await admin.delete(f"/api/v1/groups/{shop}")).status_code == 204
        assert (await world.acts())[-3:] == ["group.renamed", "group.left", "group.deleted"]


async def test_passwords_that_are_too_easy_are_refused(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        for password in ("short", "aaaaaaaaaaaa", "x@example.org", "X@Example.org"):
            wanted = {"name": "x", "email": "x@example.org", "password": password}
            refused = await admin.post("/api/v1/people", json=wanted)
            assert code(refused) == (422, "invalid"), password
            assert refused.json()["error"]["details"][0]["field"] == "password"


async def test_the_audit_log_says_who_did_what(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        me = (await admin.get("/api/v1/session")).json()["person"]
        person = await world.person(admin, "bo")
        await world.token(admin, "read")
        page = (await admin.get("/api/v1/audit?limit=2")).json()
        told = [(each["act"], each["target"], each["person_name"], each["address"]) for each in page["entries"]]
        assert [(act, name, address) for act, _, name, address in told] == [
            ("token.created", "Ada", "10.0.0.7"),
            ("person.created", "Ada", "10.0.0.7"),
        ]
        assert told[1][1] == person.id
        rest = (await admin.get(f"/api/v1/audit?limit=2&before={page['cursor']}")).json()
        assert [each["act"] for each in rest["entries"]] == ["person.joined", "invitation.created"]
        assert rest["entries"][0]["person"] == me["id"]
        of = (await admin.get(f"/api/v1/audit?act=token.&person={me['id']}")).json()
        assert ([each["act"] for each in of["entries"]], of["cursor"]) == (["token.created"], None)


async def test_who_is_deleted_is_out_and_their_tasks_stay(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        bo = await world.member(admin, "bo")
        person = (await bo.get("/api/v1/session")).json()["person"]["id"]
        me = (await admin.get("/api/v1/session")).json()["person"]["id"]
        task = Task(id="1a", prompt="Do it", mode="code", repository="/r", model="m", created=1.0, owner=person)
        await world.store.create(task, [Attempt(id="1a.1.1", task_id="1a")])
        assert code(await bo.delete(f"/api/v1/people/{me}")) == (403, "forbidden")
        assert code(await admin.delete(f"/api/v1/people/{me}")) == (409, "conflict")
        assert (await admin.delete(f"/api/v1/people/{person}")).status_code == 204
        assert code(await bo.get("/api/v1/session")) == (401, "unauthorized")
        assert code(await admin.delete(f"/api/v1/people/{person}")) == (404, "not_found")
        (line,) = (await admin.get("/api/v1/tasks", params={"owner": person})).json()["tasks"]
        assert (line["id"], line["owner"], line["owner_name"]) == ("1a", person, None)
        assert (await world.acts())[-1] == "person.deleted"
        assert "bo@" not in (await admin.get("/api/v1/audit")).text
        await world.member(admin, "bo")  # the address is free again


async def test_what_is_done_to_somebody_elses_task_is_written_down(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        bo = await world.member(admin, "bo")
        person = (await bo.get("/api/v1/session")).json()["person"]["id"]
        for number in (1, 2):
            name = f"{number}a"
            task = Task(id=name, prompt="Do it", mode="code", repository="/r", model="m", created=1.0, owner=person)
            await world.store.create(task, [Attempt(id=f"{name}.1.1", task_id=name)])
        before = len(await world.acts())
        assert (await bo.patch("/api/v1/tasks/1a", json={"archived": True})).status_code == 200
        assert code(await admin.post("/api/v1/tasks/1a/choose", json={"attempt": "1"})) == (409, "not_ready")
        assert len(await world.acts()) == before  # one's own, and what did not come about
        assert (await admin.patch("/api/v1/tasks/1a", json={"archived": False})).status_code == 200
        await admin.post("/api/v1/tasks/bulk", json={"act": "archive", "ids": ["1a", "2a"]})
        assert (await bo.get("/api/v1/tasks/1a/export")).status_code == 200
        entries = (await world.store.audit.entries())[: len(await world.acts()) - before]
        assert [(entry.act, entry.target, entry.person == person) for entry in reversed(entries)] == [
            ("task.update", "1a", False),
            ("task.archive", "1a", False),
            ("task.archive", "2a", False),
            ("task.export", "1a", True),
        ]
