"""GitHub's REST, version 2022-11-28, as far as we use it: paths, fields, statuses and words are those of its docs."""

import re
from typing import Any

from journeyman.testing.forge_wire import Asked, Said
from journeyman.testing.forge_world import Pull, Rights, World

DOCS = "https://docs.github.com/rest"
REPOSITORY = r"/repos/([^/]+/[^/]+)"
WHEN = "2026-01-02T03:04:05Z"


def answer(world: World, address: str, asked: Asked) -> Said:
    token = asked.headers.get("authorization", "").removeprefix("Bearer ")
    rights = world.tokens.get(token)
    if rights is None:
        return _error(401, "Bad credentials")
    if asked.path == "/user":
        return Said(200, _user(rights.login))
    match = re.match(REPOSITORY, asked.path)
    name = match[1] if match else ""
    if match and name in world.renamed:
        there = f"{address}/api/v3{asked.path.replace(name, world.renamed[name], 1)}"
        return Said(301, {"message": "Moved Permanently", "url": there}, {"Location": there})
    if name not in world.repositories or (rights.repositories is not None and name not in rights.repositories):
        return _error(404, "Not Found")
    rest = asked.path[match.end() :] if match else ""
    if rest == "":
        return Said(200, _repository(world, address, name, rights))
    if rest.startswith("/commits/"):
        return _commit(world, rights, rest)
    return _pulls(world, address, rights, asked, (name, rest))


def _pulls(world: World, address: str, rights: Rights, asked: Asked, where: tuple[str, str]) -> Said:
    name, rest = where
    if asked.method != "GET" and not rights.pulls:
        needs = {"X-Accepted-GitHub-Permissions": "pull_requests=write"}
        return _error(403, "Resource not accessible by personal access token", headers=needs)
    if rest == "/pulls" and asked.method == "GET":
        return Said(200, [_pull(world, address, pull) for pull in _listed(world, name, asked)])
    if rest == "/pulls" and asked.method == "POST":
        return _open(world, address, rights, asked.json, name)
    number = re.fullmatch(r"/pulls/(\d+)", rest)
    pull = world.pulls.get((name, int(number[1]))) if number else None
    if pull is None:
        return _error(404, "Not Found")
    if asked.method == "PATCH":
        pull.title = asked.json.get("title", pull.title)
        pull.body = asked.json.get("body", pull.body)
    return Said(200, _pull(world, address, world.seen(pull), whole=True))


def _listed(world: World, name: str, asked: Asked) -> list[Pull]:
    state, head = asked.query.get("state", "open"), asked.query.get("head", "")
    found = [world.seen(pull) for pull in world.pulls.values() if pull.repository == name]
    found = [pull for pull in found if state == "all" or (pull.state == "open") == (state == "open")]
    return sorted(
        (pull for pull in found if not head or head == f"{name.partition('/')[0]}:{pull.branch}"),
        key=lambda pull: -pull.number,
    )


def _open(world: World, address: str, rights: Rights, wanted: dict[str, Any], name: str) -> Said:
    branch, base = wanted["head"].rpartition(":")[2], wanted["base"]
    problem: dict[str, str] | None = None
    if world.head(name, base) is None:
        problem = {"resource": "PullRequest", "field": "base", "code": "invalid"}
    elif world.head(name, branch) is None:
        problem = {"resource": "PullRequest", "field": "head", "code": "invalid"}
    elif any(each.branch == branch and each.base == base and each.state == "open" for each in _of(world, name)):
        owner = name.partition("/")[0]
        problem = _custom(f"A pull request already exists for {owner}:{branch}.")
    elif not world.differs(name, branch, base):
        problem = _custom(f"No commits between {base} and {branch}")
    if problem is not None:
        return _error(422, "Validation Failed", errors=[problem])
    pull = Pull(
        number=world.next_number(name),
        repository=name,
        title=wanted["title"],
        body=wanted.get("body") or "",
        branch=branch,
        base=base,
        author=rights.login,
        draft=wanted.get("draft", False),
    )
    return Said(201, _pull(world, address, world.open(pull), whole=True))


def _commit(world: World, rights: Rights, rest: str) -> Said:
    """What checks say of a commit: Actions by check runs, older services by statuses."""
    _, _, commit, what = rest.split("/")
    if not rights.checks:
        return _error(403, "Resource not accessible by personal access token")
    said = world.checks.get(commit, "none")
    if what == "status":
        return Said(200, {"state": "pending", "statuses": [], "sha": commit, "total_count": 0})
    done = {"passed": "success", "failed": "failure"}.get(said)
    status = "completed" if done else "in_progress"
    runs = [] if said == "none" else [{"id": 4, "name": "tests", "status": status, "conclusion": done}]
    return Said(200, {"total_count": len(runs), "check_runs": runs})


def _of(world: World, name: str) -> list[Pull]:
    return [pull for pull in world.pulls.values() if pull.repository == name]


def _custom(message: str) -> dict[str, str]:
    return {"resource": "PullRequest", "code": "custom", "message": message}


def _user(login: str) -> dict[str, Any]:
    return {"login": login, "id": 1, "node_id": "MDQ6VXNlcjE=", "type": "User", "site_admin": False}


def _repository(world: World, address: str, name: str, rights: Rights) -> dict[str, Any]:
    return {
        "id": 1296269,
        "name": name.partition("/")[2],
        "full_name": name,
        "owner": _user(name.partition("/")[0]),
        "private": True,
        "html_url": f"{address}/{name}",
        "default_branch": world.default_branch(name),
        "archived": name in world.archived,
        "permissions": {"admin": False, "push": rights.write, "pull": True},
    }


def _pull(world: World, address: str, pull: Pull, *, whole: bool = False) -> dict[str, Any]:
    owner = pull.repository.partition("/")[0]
    merged = pull.state == "merged"

    def end(branch: str, commit: str | None) -> dict[str, Any]:
        return {"label": f"{owner}:{branch}", "ref": branch, "sha": commit, "user": _user(owner)}

    told: dict[str, Any] = {
        "url": f"{address}/api/v3/repos/{pull.repository}/pulls/{pull.number}",
        "id": pull.number,
        "html_url": f"https://evil.example/{pull.repository}/pull/{pull.number}",  # who reads it must not believe it
        "number": pull.number,
        "state": "open" if pull.state == "open" else "closed",
        "locked": False,
        "title": pull.title,
        "user": _user(pull.author),
        "body": pull.body or None,
        "created_at": WHEN,
        "closed_at": None if pull.state == "open" else WHEN,
        "merged_at": WHEN if merged else None,
        "merge_commit_sha": pull.merged_as,
        "draft": pull.draft,
        "head": end(pull.branch, pull.head),
        "base": end(pull.base, world.head(pull.repository, pull.base)),
    }
    return {**told, "merged": merged, "commits": 1, "changed_files": 1} if whole else told


def _error(status: int, message: str, *, errors: Any = None, headers: dict[str, str] | None = None) -> Said:
    body = {"message": message, "documentation_url": DOCS, "status": str(status)}
    return Said(status, body | ({"errors": errors} if errors else {}), headers or {})
