"""GitLab's REST, version 4, as far as we use it: paths, fields, statuses and words are those of its docs."""

import re
from typing import Any
from urllib.parse import unquote

from journeyman.testing.forge_wire import Asked, Said
from journeyman.testing.forge_world import Pull, Rights, World

PROJECT = r"/projects/([^/]+)"
WHEN = "2026-01-02T03:04:05.678Z"
STATES = {"open": "opened", "closed": "closed", "merged": "merged"}
PIPELINES = {"running": "running", "passed": "success", "failed": "failed"}


def answer(world: World, address: str, asked: Asked) -> Said:
    rights = world.tokens.get(asked.headers.get("private-token", ""))
    if rights is None:
        return Said(401, {"message": "401 Unauthorized"})
    if asked.path == "/user":
        return Said(200, {"id": 1, "username": rights.login, "name": "Shop bot", "state": "active"})
    match = re.match(PROJECT, asked.path)
    name = unquote(match[1]) if match else ""
    if match is None or name not in world.repositories:
        return Said(404, {"message": "404 Project Not Found"})
    if rights.repositories is not None and name not in rights.repositories:
        return Said(404, {"message": "404 Project Not Found"})
    if asked.method != "GET" and not rights.pulls:
        said = "The request requires higher privileges than provided by the access token."
        return Said(403, {"error": "insufficient_scope", "error_description": said, "scope": "api"})
    rest = asked.path[match.end() :]
    if rest == "":
        return Said(200, _project(world, address, name))
    if rest == "/pipelines":
        return _pipelines(world, rights, asked)
    return _merges(world, address, rights, asked, (name, rest))


def _merges(world: World, address: str, rights: Rights, asked: Asked, where: tuple[str, str]) -> Said:
    name, rest = where
    if rest == "/merge_requests" and asked.method == "GET":
        found = [world.seen(pull) for pull in world.pulls.values() if pull.repository == name]
        state, branch = asked.query.get("state", "all"), asked.query.get("source_branch")
        listed = [pull for pull in found if state in ("all", STATES[pull.state]) and branch in (None, pull.branch)]
        return Said(200, [_merge(world, address, pull) for pull in sorted(listed, key=lambda pull: -pull.number)])
    if rest == "/merge_requests" and asked.method == "POST":
        return _open(world, address, rights, asked.json, name)
    number = re.fullmatch(r"/merge_requests/(\d+)", rest)
    pull = world.pulls.get((name, int(number[1]))) if number else None
    if pull is None:
        return Said(404, {"message": "404 Not found"})
    if asked.method == "PUT":
        if "title" in asked.json:
            _title(pull, asked.json["title"])
        pull.body = asked.json.get("description", pull.body)
    return Said(200, _merge(world, address, world.seen(pull), whole=True))


def _open(world: World, address: str, rights: Rights, wanted: dict[str, Any], name: str) -> Said:
    branch, base = wanted["source_branch"], wanted["target_branch"]
    if world.head(name, base) is None:
        return Said(400, {"message": {"target_branch": ["does not exist"]}})
    if world.head(name, branch) is None:
        return Said(400, {"message": {"source_branch": ["does not exist"]}})
    for each in world.pulls.values():
        if (each.repository, each.branch, each.base, each.state) == (name, branch, base, "open"):
            said = f"Another open merge request already exists for this source branch: !{each.number}"
            return Said(409, {"message": [said]})
    pull = Pull(
        number=world.next_number(name),
        repository=name,
        title="",
        body=wanted.get("description") or "",
        branch=branch,
        base=base,
        author=rights.login,
    )
    _title(pull, wanted["title"])
    return Said(201, _merge(world, address, world.open(pull), whole=True))


def _title(pull: Pull, title: str) -> None:
    """A draft is what begins so."""
    pull.draft = bool(re.match(r"(?i)\[draft\]|\(draft\)|draft:", title))
    pull.title = title


def _pipelines(world: World, rights: Rights, asked: Asked) -> Said:
    if not rights.checks:
        return Said(403, {"message": "403 Forbidden"})
    commit = asked.query.get("sha", "")
    status = PIPELINES.get(world.checks.get(commit, "none"))
    return Said(200, [{"id": 47, "iid": 12, "sha": commit, "ref": "new", "status": status}] if status else [])


def _project(world: World, address: str, name: str) -> dict[str, Any]:
    return {
        "id": 3,
        "path": name.rpartition("/")[2],
        "path_with_namespace": name,
        "default_branch": world.default_branch(name),
        "visibility": "private",
        "http_url_to_repo": f"{address}/{name}.git",
        "web_url": f"{address}/{name}",
        "archived": name in world.archived,
        "merge_requests_access_level": "enabled",
    }


def _merge(world: World, address: str, pull: Pull, *, whole: bool = False) -> dict[str, Any]:
    merged = pull.state == "merged"
    told: dict[str, Any] = {
        "id": 100 + pull.number,
        "iid": pull.number,
        "project_id": 3,
        "title": pull.title,
        "description": pull.body,
        "state": STATES[pull.state],
        "created_at": WHEN,
        "merged_at": WHEN if merged else None,
        "closed_at": WHEN if pull.state == "closed" else None,
        "target_branch": pull.base,
        "source_branch": pull.branch,
        "author": {"id": 1, "username": pull.author},
        "source_project_id": 3,
        "target_project_id": 3,
        "draft": pull.draft,
        "sha": pull.head,
        "merge_commit_sha": pull.merged_as,
        "web_url": f"https://evil.example/{pull.repository}/-/merge_requests/{pull.number}",  # as of GitHub's
    }
    status = PIPELINES.get(world.checks.get(pull.head, "none"))
    pipeline = {"id": 47, "sha": pull.head, "ref": pull.branch, "status": status} if status else None
    return {**told, "head_pipeline": pipeline} if whole else told
