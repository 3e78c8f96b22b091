"""A forge on loopback: GitHub's or GitLab's REST as far as we use it, and real repositories by git's smart HTTP.

    with ForgeServer("github", folder) as forge:
        forge.world.add_repository("example/shop", {"a.txt": "one\n"})
        forge.world.tokens["ghp_…"] = Rights()
        forge.address, forge.api, forge.remote("example/shop")

It serves in threads, so that both waiting and asynchronous tests may use it. Git goes through `git http-backend`, with
a token in place of the password, as on the real ones.
"""

import base64
import gzip
import json
import os
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from journeyman.core.pull_request import ForgeKind
from journeyman.testing import forge_github, forge_gitlab
from journeyman.testing.forge_wire import Asked, Said
from journeyman.testing.forge_world import GIT, Rights, World

__all__ = ["Asked", "ForgeServer", "Rights", "World"]

APIS: dict[ForgeKind, str] = {"github": "/api/v3", "gitlab": "/api/v4"}
HOURLY = 600.0
SMART = ("/info/refs", "/git-upload-pack", "/git-receive-pack")


@dataclass(slots=True)
class Faults:
    """What goes wrong from now on. `limited` answers that many requests of the API with "too many", to be tried again
    after `wait` seconds; `redirect` sends everything on to another address; `down` answers with 502; `garbage` is said
    in place of every answer of the API, with `status`; so many lists of pull requests are `stale`, and empty."""

    limited: int = 0
    wait: float = 0.0
    redirect: str | None = None
    down: bool = False
    garbage: bytes | None = None
    status: int = 200
    stale: int = 0


@dataclass(slots=True)
class ForgeServer:
    """A forge of a kind, with its things below `root`. `requests` are those that came, `faults` may be set."""

    kind: ForgeKind
    root: Path
    port: int = 0
    faults: Faults = field(default_factory=Faults)
    requests: list[Asked] = field(default_factory=list[Asked])
    world: World = field(init=False)
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        self.world = World(self.root, self.kind)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), partial(_Handler, self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._server is not None and self._thread is not None
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        return self.address + APIS[self.kind]

    def remote(self, name: str) -> str:
        """The address by which git reaches a repository."""
        return f"{self.address}/{name}.git"

    def answer(self, asked: Asked) -> Said:
        """To a request of the API."""
        faults = self.faults
        if faults.limited > 0:
            faults.limited -= 1
            return self._too_many()
        if faults.stale > 0 and asked.method == "GET" and asked.path.endswith(("/pulls", "/merge_requests")):
            faults.stale -= 1
            return Said(200, [])
        if faults.garbage is not None:
            return Said(faults.status, faults.garbage)
        with self.world.lock:
            routes = forge_github if self.kind == "github" else forge_gitlab
            return routes.answer(self.world, self.address, asked)

    def _too_many(self) -> Said:
        """GitHub's answer to a burst, or with a long wait to too many within an hour; GitLab has one for both."""
        wait = self.faults.wait
        if self.kind == "gitlab":
            return Said(429, b"Retry later\n", {"Retry-After": f"{wait:g}", "RateLimit-Remaining": "0"})
        if wait < HOURLY:
            said = {"message": "You have exceeded a secondary rate limit.", "documentation_url": forge_github.DOCS}
            return Said(403, said, {"Retry-After": f"{wait:g}"})
        told = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{time.time() + wait:.0f}"}
        return Said(403, {"message": "API rate limit exceeded for user ID 1.", "status": "403"}, told)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, forge: ForgeServer, *rest: Any) -> None:
        self.forge = forge
        super().__init__(*rest)

    def log_message(self, format: str, *args: object) -> None: ...

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, parts.path, query, headers, self._body(headers))
        self.forge.requests.append(asked)
        faults = self.forge.faults
        if faults.redirect is not None:
            return self._say(Said(302, b"", {"Location": faults.redirect + self.path}))
        if faults.down:
            return self._say(Said(502, b"<html>Bad gateway</html>"))
        prefix = APIS[self.forge.kind]
        if parts.path.startswith(f"{prefix}/"):
            asked.path = parts.path.removeprefix(prefix)
            return self._say(self.forge.answer(asked))
        return self._say(self._git(asked, parts.query))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(headers.get("content-length") or 0))
        read = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            read += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(read)

    def _say(self, said: Said) -> None:
        body = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
        self.send_response(said.status)
        kind = "application/octet-stream" if isinstance(said.body, bytes) else "application/json"
        for name, value in {"Content-Type": kind, **said.headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _git(self, asked: Asked, query: str) -> Said:
        """A request of git, for who may."""
        world = self.forge.world
        end = next((end for end in SMART if asked.path.endswith(end)), None)
        name = unquote(asked.path.removesuffix(end or "").strip("/")).removesuffix(".git")
        if end is None:
            return Said(404, b"Not Found")
        if name in world.renamed:
            there = f"{self.forge.address}/{world.renamed[name]}.git{end}"
            return Said(301, b"", {"Location": f"{there}?{query}" if query else there})
        rights = world.tokens.get(_password(asked.headers))
        if rights is None:
            return Said(401, b"", {"WWW-Authenticate": 'Basic realm="forge"'})
        if name not in world.repositories or (rights.repositories is not None and name not in rights.repositories):
            return Said(404, b"remote: Repository not found.")
        writes = end == "/git-receive-pack" or asked.query.get("service") == "git-receive-pack"
        if writes and not rights.write:
            return Said(403, f"remote: Permission to {name}.git denied to {rights.login}.".encode())
        return _backend(world, asked, query, f"/{name}.git{end}", rights)


def _backend(world: World, asked: Asked, query: str, path: str, rights: Rights) -> Said:
    """What `git http-backend` answers."""
    told = {
        "GIT_PROJECT_ROOT": str(world.root / "git"),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": asked.method,
        "CONTENT_TYPE": asked.headers.get("content-type", ""),
        "GIT_PROTOCOL": asked.headers.get("git-protocol", ""),
        "REMOTE_USER": rights.login,
        "REMOTE_ADDR": "127.0.0.1",
    }
    body = gzip.decompress(asked.body) if asked.headers.get("content-encoding") == "gzip" else asked.body
    told["CONTENT_LENGTH"] = str(len(body))
    done = subprocess.run(
        ["git", "http-backend"],
        input=body,
        env={**GIT, "PATH": os.defpath + ":/usr/local/bin", **told},
        capture_output=True,
        check=False,
    )
    head, _, answer = done.stdout.partition(b"\r\n\r\n")
    lines = (line.partition(":") for line in head.decode().split("\r\n"))
    headers = {name: value.strip() for name, _, value in lines if name}
    status = int(headers.pop("Status", "200 OK").split()[0])
    return Said(status, answer, headers)


def _password(headers: Mapping[str, str]) -> str:
    """The token that git signs in with."""
    way, _, word = headers.get("authorization", "").partition(" ")
    return base64.b64decode(word).decode().partition(":")[2] if way.lower() == "basic" else ""
