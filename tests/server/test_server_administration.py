"""Environments, secrets, models, schedules, quotas, usage and figures, over the API."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from journeyman.core.task import Attempt, Summary, Task, Usage
from journeyman.models.choice import ModelChoice
from journeyman.server.auth.gate import SignIn
from journeyman.server.catalogue import Catalogue
from journeyman.server.fetching import Fetching
from tests.models.local_parts import TINY, Shelf
from tests.server.people import World, code, service

REPOSITORY = "https://git.example.org/shop.git"


def written(name: str = "shop", **more: Any) -> dict[str, Any]:
    return {"name": name, "repository": REPOSITORY, "text": 'checks = ["pytest -q"]\n# mine\n', **more}


async def three(world: World) -> tuple[httpx.AsyncClient, httpx.AsyncClient, httpx.AsyncClient, str]:
    """An administrator, two members, and a group that the first of these is in."""
    admin = await world.administrator()
    group = (await admin.post("/api/v1/groups", json={"name": "shop"})).json()["id"]
    return admin, await world.member(admin, "bo", "member", group), await world.member(admin, "cy"), group


async def test_an_environment_is_seen_by_its_group_alone(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin, bo, cy, group = await three(world)
        made = await bo.post("/api/v1/environments", json=written(group=group))
        assert made.status_code == 201, made.text
        assert made.json()["text"] == 'checks = ["pytest -q"]\n# mine\n'
        assert made.json()["environment"]["checks"] == ["pytest -q"]
        assert (made.json()["state"], made.json()["acts"]) == ("elsewhere", ["edit", "delete"])
        for method, path, body in (
            ("GET", "", None),
            ("PUT", "", written()),
            ("DELETE", "", None),
            ("POST", "/build", {}),
            ("GET", "/log", None),
            ("POST", "/reset", None),
            ("POST", "/self-test", None),
        ):
            body = {key: value for key, value in body.items() if key != "name"} if body else body
            answer = await cy.request(method, f"/api/v1/environments/shop{path}", json=body)
            assert code(answer) == (404, "not_found"), (method, path)
        assert (await cy.get("/api/v1/environments")).json() == {"environments": []}
        assert [each["name"] for each in (await admin.get("/api/v1/environments")).json()["environments"]] == ["shop"]
        # Its name is taken all the same, and not for cy to overwrite.
        assert code(await cy.post("/api/v1/environments", json=written())) == (409, "conflict")
        assert code(await bo.post("/api/v1/environments/shop/build")) == (409, "conflict")
        everybodys = {"text": "", "group": "everybody"}
        assert code(await bo.put("/api/v1/environments/shop", json=everybodys)) == (403, "forbidden")
        shared = await admin.put("/api/v1/environments/shop", json=everybodys)
        assert (shared.json()["group"], shared.json()["repository"]) == ("everybody", REPOSITORY)
        assert (await cy.get("/api/v1/environments/shop")).json()["acts"] == []
        assert code(await cy.delete("/api/v1/environments/shop")) == (403, "forbidden")
        assert (await bo.delete("/api/v1/environments/shop")).status_code == 204


async def test_what_reaches_out_of_the_sandbox_is_an_administrators_to_give(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin, bo, _, group = await three(world)
        secret = '[secrets.KEY]\nkind = "brokered"\nhosts = ["evil.example.net"]\n'
        private = '[attempt]\nnetwork = { access = "allow-list", private = ["10.0.0.1"] }\n'
        for wanted in (written(text=secret), written(text=private), written(repository="/etc")):
            assert code(await bo.post("/api/v1/environments", json=wanted)) == (403, "forbidden")
        for wanted in (written(repository="file:///etc"), written(repository="ext::sh -c id@x")):
            assert code(await bo.post("/api/v1/environments", json=wanted)) == (403, "forbidden")
        assert code(await bo.post("/api/v1/environments", json=written(group="other"))) == (422, "invalid")
        made = await admin.post("/api/v1/environments", json=written(text=secret, group=group, repository="/srv/shop"))
        assert made.json()["missing_secrets"] == ["KEY"]
        # Bo sees it and may not turn its secret elsewhere, nor take it away and come again.
        assert (await bo.get("/api/v1/environments/shop")).json()["acts"] == []
        assert code(await bo.put("/api/v1/environments/shop", json={"text": ""})) == (403, "forbidden")
        assert code(await bo.delete("/api/v1/environments/shop")) == (403, "forbidden")
        assert (await admin.put("/api/v1/secrets/KEY", json={"value": "opensesame", "environment": "shop"})).is_success
        assert (await admin.delete("/api/v1/environments/shop")).status_code == 204
        assert code(await bo.post("/api/v1/environments", json=written())) == (409, "conflict")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"text": "chekcs = 1"}, "Did you mean 'checks'"),
        ({"text": "= ="}, "not valid TOML"),
        ({}, "Give the environment as `environment` or as `text`."),
        ({"environment": {"name": "x", "variables": {"PATH": "/evil"}}}, "cannot be the name of a variable"),
    ],
)
async def test_an_editor_is_told_what_is_wrong(tmp_path: Path, body: dict[str, Any], said: str) -> None:
    async with service(tmp_path, SignIn(open=True)) as world:
        client = await world.client()
        assert said in (await client.post("/api/v1/environments/check", json=body)).json()["error"]
        refused = await client.post("/api/v1/environments", json={"name": "x", "repository": REPOSITORY, **body})
        assert code(refused) == (422, "invalid")
        assert said in refused.json()["error"]["message"]
        taken = await client.post("/api/v1/environments", json=written("auto"))
        assert code(taken) == (422, "invalid")


async def test_a_secret_goes_in_and_never_out(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin, _, _, _ = await three(world)
        assert (await admin.put("/api/v1/secrets/KEY", json={"value": "opensesame"})).status_code == 204
        assert code(await admin.put("/api/v1/secrets/KEY", json={"value": "x"})) == (422, "invalid")
        nowhere = {"value": "opensesame", "environment": "nope"}
        assert code(await admin.put("/api/v1/secrets/KEY", json=nowhere)) == (404, "not_found")
        listed = await admin.get("/api/v1/secrets")
        assert listed.json() == {"secrets": [{"name": "KEY", "environment": None, "changed": world.clock.now}]}
        audit = await admin.get("/api/v1/audit")
        assert "opensesame" not in audit.text
        assert (await admin.delete("/api/v1/secrets/KEY")).status_code == 204
        assert code(await admin.delete("/api/v1/secrets/KEY")) == (404, "not_found")


async def test_models_are_listed_with_prices_added_and_tried(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('["ready", "ready"]')
    configured = {
        "demo": ModelChoice(name="demo", wire="scripted", model=str(script)),
        "gpt": ModelChoice(
            name="gpt", wire="responses", model="gpt-5", base_url="https://api.openai.com/v1", api_key_env="KEY"
        ),
    }
    async with service(tmp_path / "home", SignIn(open=True)) as world:
        catalogue = Catalogue(world.store, configured, {}, "demo")
        world.app.state.parts = _with(world, catalogue)
        client = await world.client()
        listed = {each["name"]: each for each in (await client.get("/api/v1/models")).json()["models"]}
        assert set(listed) == {"demo", "gpt", "local"}
        assert (listed["demo"]["default"], listed["demo"]["input_price"], listed["demo"]["problem"]) == (True, 0, None)
        assert listed["gpt"]["input_price"] > 0
        assert "KEY" in listed["gpt"]["problem"]
        tried = (await client.post("/api/v1/models/demo/test")).json()
        assert (tried["ok"], tried["text"]) == (True, "ready"), tried
        failed = (await client.post("/api/v1/models/gpt/test")).json()
        assert (failed["ok"], "needs a key in KEY" in failed["error"]) == (False, True)
        added = await client.post(
            "/api/v1/models",
            json={
                "name": "ours",
                "settings": {"wire": "chat", "base_url": "http://127.0.0.1:9/v1", "name": "big", "window": 9000},
                "key": "sk-something-secret",
            },
        )
        assert (added.status_code, added.json()["source"], added.json()["profile"]["window"]) == (201, "added", 9000)
        assert "sk-something" not in added.text
        assert [each.name for each in await world.store.secrets.all()] == ["MODEL_KEY_OURS"]
        assert added.json()["name"] == "shared:ours"
        unreachable = (await client.post("/api/v1/models/shared:ours/test")).json()
        assert (unreachable["ok"], "127.0.0.1:9" in unreachable["error"]) == (False, True)
        for wrong in (
            {"name": "x", "settings": {"wire": "chat", "name": "x"}},
            {"name": "x", "settings": {"wire": "chta", "name": "x"}},
            {"name": "x", "settings": {"wire": "scripted", "name": "/etc/passwd"}},
        ):
            assert (await client.post("/api/v1/models", json=wrong)).status_code in (409, 422)
        assert (await client.delete("/api/v1/models/shared:ours")).status_code == 204
        assert code(await client.delete("/api/v1/models/demo")) == (404, "not_found")


def _with(world: World, catalogue: Catalogue) -> Any:
    return replace(world.parts, catalogue=catalogue)


async def test_the_embedded_model_is_fetched_in_the_background(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf")
    shelf.folder.mkdir()
    for index in range(2):
        shelf.put(index)
    slow = shelf.folder / "slow"
    slow.touch()
    async with service(tmp_path / "home", SignIn(open=True)) as world:
        client = await world.client()
        url = "/api/v1/models/embedded"
        assert code(await client.get(url)) == (404, "not_found")
        fetching = Fetching(tmp_path / "cache", TINY, shelf.pip)
        world.app.state.parts = replace(world.parts, fetching=fetching)
        assert (await client.get(url)).json()["state"] == "missing"
        begun = await client.post(f"{url}/fetch")
        assert (begun.status_code, begun.json()["state"], begun.json()["size"]) == (202, "fetching", TINY.size)
        assert (await client.post(f"{url}/fetch")).json()["state"] == "fetching"
        slow.unlink()
        await fetching.wait()
        failed = (await client.get(url)).json()
        assert (failed["state"], "tiny-part3" in failed["error"]) == ("missing", True)
        shelf.put(2)
        await client.post(f"{url}/fetch")
        await fetching.wait()
        assert (await client.get(url)).json() == {**failed, "state": "ready", "error": ""}


async def test_a_schedule_tells_when_it_runs(tmp_path: Path) -> None:
    async with service(tmp_path, models=("m",)) as world:
        _, bo, cy, group = await three(world)
        wanted: dict[str, Any] = {
            "name": "nightly",
            "cron": "0 7 * * mon-fri",
            "timezone": "Europe/Berlin",
            "task": {"prompt": "update the dependencies", "repository": REPOSITORY},
            "group": group,
        }
        made = await bo.post("/api/v1/schedules", json=wanted)
        assert made.status_code == 201, made.text
        first = made.json()["next"][0]
        assert (first - world.clock.now, first % 86400) == (pytest.approx(172_800, abs=172_800), 6 * 3600)
        schedule = made.json()["schedule"]
        where = f"/api/v1/schedules/{schedule['id']}"
        assert (await bo.get(where)).json() == made.json()
        for answer in (await cy.get(where), await cy.put(where, json=wanted), await cy.delete(where)):
            assert code(answer) == (404, "not_found")
        off = await bo.put(where, json=wanted | {"enabled": False})
        assert (off.json()["next"], off.json()["schedule"]["created"]) == ([], schedule["created"])
        for wrong, field in (
            ({"cron": "0 0 30 2 *"}, "cron"),
            ({"cron": "@reboot now!"}, "cron"),
            ({"cron": "* * * * * *"}, "cron"),
            ({"cron": "0 7 13 * fri"}, "cron"),
            ({"cron": "0 7 L * *"}, "cron"),
            ({"timezone": "../../etc/passwd"}, "timezone"),
            ({"task": {"prompt": "x"}}, "task"),
        ):
            refused = await bo.post("/api/v1/schedules", json=wanted | wrong)
            assert (code(refused), refused.json()["error"]["details"][0]["field"]) == ((422, "invalid"), field)
        for task in (
            {"prompt": "x", "repository": "/etc"},
            {"prompt": "x", "repository": REPOSITORY, "model": "scripted:/etc/passwd"},
        ):
            assert code(await bo.post("/api/v1/schedules", json=wanted | {"task": task})) == (403, "forbidden")
        assert (await bo.delete(where)).status_code == 204
        assert (await bo.get("/api/v1/schedules")).json() == {"schedules": []}


async def used(world: World, task_id: str, owner: str | None, tokens: int, **more: Any) -> None:
    """A stored task whose one attempt began now and used so much."""
    task = Task(
        id=task_id,
        prompt="p",
        mode="code",
        repository="/r",
        model=more.pop("model", "m"),
        created=world.clock.now,
        owner=owner,
        **more,
    )
    summary = Summary(usage=Usage(input_tokens=tokens, cost=tokens / 1000))
    now = world.clock.now
    attempt = Attempt(
        id=f"{task_id}.1.1",
        task_id=task_id,
        status="done",
        verdict="verified",
        began=now,
        ended=now + 60,
        summary=summary,
    )
    await world.store.create(task, [attempt])


async def test_usage_is_summed_over_what_one_sees(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin, bo, cy, group = await three(world)
        ids = {each["name"]: each["id"] for each in (await admin.get("/api/v1/people")).json()["people"]}
        await used(world, "t1", ids["bo"], 100)
        await used(world, "t2", ids["cy"], 20, group=group)
        await used(world, "t3", ids["cy"], 3, model="n")
        world.clock.now += 86400
        await used(world, "t4", None, 4000)
        report = (await admin.get("/api/v1/usage?by=day&by=person")).json()
        told = [(each["day"], each["person_name"], each["tokens"], each["cost"]) for each in report["lines"]]
        assert sorted(told[:2], key=lambda each: each[1]) + told[2:] == [
            ("2027-01-15", "bo", 100, 0.1),
            ("2027-01-15", "cy", 23, 0.023),
            ("2027-01-16", None, 4000, 4.0),
        ]
        assert (report["total"]["tokens"], report["total"]["attempts"], report["total"]["seconds"]) == (4123, 4, 240)
        assert (await bo.get("/api/v1/usage")).json()["total"]["tokens"] == 120
        of = (await cy.get("/api/v1/usage?by=model&by=outcome")).json()["lines"]
        assert [(each["model"], each["outcome"], each["tokens"]) for each in of] == [
            ("m", "verified", 20),
            ("n", "verified", 3),
        ]
        none = (await cy.get("/api/v1/usage?since=2020-01-01&until=2020-02-01")).json()
        assert (none["lines"], none["total"]["tokens"]) == ([], 0)
        assert code(await cy.get("/api/v1/usage?since=2020-02-01&until=2020-01-01")) == (422, "invalid")


async def test_quotas_are_set_and_one_sees_ones_own(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin, bo, cy, group = await three(world)
        ids = {each["name"]: each["id"] for each in (await admin.get("/api/v1/people")).json()["people"]}
        for of, wanted in (
            ("everybody", {"running": 2}),
            (f"person:{ids['bo']}", {"day": {"tokens": 100}, "month": {"cost": 5.0}}),
            (f"group:{group}", {"queued": 3}),
        ):
            assert (await admin.put(f"/api/v1/quotas/{of}", json=wanted)).status_code == 200
        assert code(await admin.put("/api/v1/quotas/person:nobody", json={})) == (404, "not_found")
        assert code(await admin.put("/api/v1/quotas/nonsense", json={})) == (422, "invalid")
        await used(world, "t1", ids["bo"], 60, group=group)
        mine = (await bo.get(f"/api/v1/quota?group={group}")).json()["standings"]
        assert [(each["quota"]["of"], each["day"]["tokens"], each["whose"]) for each in mine] == [
            (f"person:{ids['bo']}", 60, "You have"),
            (f"group:{group}", 0, "The group shop has"),
        ]
        assert code(await cy.get(f"/api/v1/quota?group={group}")) == (404, "not_found")
        assert [each["quota"]["of"] for each in (await cy.get("/api/v1/quota")).json()["standings"]] == ["everybody"]
        assert (await admin.delete("/api/v1/quotas/everybody")).status_code == 204
        assert [each["of"] for each in (await admin.get("/api/v1/quotas")).json()["quotas"]] == [
            f"group:{group}",
            f"person:{ids['bo']}",
        ]


async def test_prometheus_reads_figures_and_strangers_do_not(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        await used(world, "t1", None, 60)
        stranger = await world.client()
        assert code(await stranger.get("/metrics")) == (401, "unauthorized")
        bo = await world.member(admin, "bo")
        assert code(await bo.get("/metrics")) == (403, "forbidden")
        scraper = await world.client(await world.token(admin, "read"))
        text = (await scraper.get("/metrics")).text
        assert 'journeyman_tasks{status="queued"} 1.0' in text
        assert 'journeyman_tokens_total{model="m"} 60.0' in text
        assert 'journeyman_http_requests_total{method="POST",operation="sign_in",status="200"} 1.0' in text
        transport = httpx.ASGITransport(world.app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://10.1.2.3:8700") as local:
            assert (await local.get("/metrics")).status_code == 200
            # A proxy of this machine asks for somebody else.
            proxied = await local.get("/metrics", headers={"X-Forwarded-For": "10.0.0.9"})
            assert code(proxied) == (401, "unauthorized")
