"""Environments and secrets as a person has them: the program, a package index and a service on the loopback."""

import asyncio
import base64
import contextlib
import json
import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

from journeyman.core.model import call, say
from journeyman.models.script_server import ScriptServer
from journeyman.testing.index import HOST, serve_index, wheel
from tests.conftest import MakeRepository, Program, git, lay

WHEELS = {"tiny-1.0-py3-none-any.whl": wheel("tiny"), "pytest-99-py3-none-any.whl": wheel("pytest", "99")}


async def put(program: Program, value: str, *arguments: str) -> str:
    """Run the program with something on its stdin; what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "journeyman.cli.main", *arguments),
        env=program.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said, _ = await process.communicate(value.encode())
    assert process.returncode == 0, said
    return said.decode()


async def test_what_is_detected_is_set_up_from_the_machine_s_index_and_found_by_the_next_run(
    program: Program, make_repository: MakeRepository
) -> None:
    folder = make_repository({"requirements.txt": "tiny==1.0\npytest\n", "a.txt": "one\n"})
    look = "python -c 'import tiny, sys; print(tiny.VERSION, sys.prefix)'"
    with serve_index(WHEELS) as index:
        program.env = {"PIP_INDEX_URL": index.url, "PIP_NO_INDEX": "0", "PIP_CONFIG_FILE": "/dev/null"}
        shown = await program.run("env", "show", "-C", folder)
        assert (shown.code, "pip (requirements.txt)" in shown.out) == (0, True), shown.err
        assert "ready       no; `journeyman env build` makes it" in shown.out
        built = await program.run("env", "build", "-C", folder, "--json")
        assert built.code == 0, built.err
        assert f"/files/{next(iter(WHEELS))}" in index.asked
    [made] = built.lines
    assert (made["name"], made["bin"], made["dropped"]) == ("repository", ["~/.venv/bin"], [])
    assert len(made["probes"]) > 5 and all(probe["held"] for probe in made["probes"])
    async with ScriptServer([call("shell", "c1", command=look), say("Done.")]) as server:
        program.use(server.base_url)
        ran = await program.run("run", "Look", "-C", folder, "--json")
    items = [line["item"] for line in ran.lines if line["type"] == "item.completed"]
    [opened] = [item for item in items if item["type"] == "environment"]
    assert (opened["build"], opened["held"]) == (made["id"], opened["probes"])
    [command] = [item for item in items if item["type"] == "command_execution"]
    assert command["aggregated_output"] == "1.0 /tmp/home/.venv\n"
    page = await program.run("show", "-C", folder)
    assert "in     repository (pip (requirements.txt)), set up " in page.out
    listed = await program.run("env", "list", "--json")
    assert [line["id"] for line in listed.lines] == [made["id"]]
    there = await program.run("env", "shell", "-C", folder, "--", "sh", "-c", f"{look}; touch x; exit 3")
    assert (there.code, there.out) == (3, "1.0 /tmp/home/.venv\n"), there.err
    assert not (folder / "x").exists()
    reset = await program.run("env", "reset", "-C", folder)
    assert (reset.code, reset.err) == (0, "1 environment thrown away.\n")


async def test_everything_but_the_indexes_is_refused_with_a_reason(
    program: Program, make_repository: MakeRepository
) -> None:
    other = "python3 -c 'import urllib.request as u; u.urlopen(\"http://127.0.0.3:81/\")'"
    text = f"[setup]\nscript = '''{other}'''\nnetwork = {{ access = 'allow-list', indexes = true, methods = 'read' }}\n"
    folder = make_repository({".journeyman/environment.toml": text})
    with serve_index(WHEELS) as index:
        program.env = {"PIP_INDEX_URL": index.url, "PIP_CONFIG_FILE": "/dev/null"}
        built = await program.run("env", "build", "-C", folder)
    assert built.code == 1
    assert "The set-up of the environment repository failed at `python3 -c" in built.err
    assert "Likely cause: The network policy refused GET to 127.0.0.3" in built.err
    assert "Nothing of it is used." in built.err
    whole = await program.run("env", "show", "-C", folder, "--output")
    assert "urllib.error.HTTPError: HTTP Error 403" in whole.out
    assert (await program.run("env", "list", "--json")).lines == []
    # another index from now on: the tools are asked anew, though they were asked a moment ago
    with serve_index(WHEELS) as index:
        lay(folder, {".journeyman/environment.toml": text.replace("http://127.0.0.3:81/", f"{index.url}/tiny")})
        program.env["PIP_INDEX_URL"] = index.url
        built = await program.run("env", "build", "-C", folder)
        assert (built.code, "/simple/tiny" in index.asked) == (0, True), built.err


async def test_a_refused_host_is_allowed_by_the_command_that_the_line_names(
    program: Program, make_repository: MakeRepository
) -> None:
    with echo() as service:
        place = f"{HOST}:{service.port}"
        look = f"python3 -c 'import urllib.request as u; print(u.urlopen(\"http://{place}/\").status)'"
        text = f"[attempt]\nnetwork = {{ access = 'allow-list', hosts = ['api.test'], private = ['{HOST}'] }}\n"
        folder = make_repository({"a.txt": "one\n"})
        (folder.parent / "shop.toml").write_text(text)
        stored = await program.run(
            "env", "init", "-C", folder, "--store", "shop", "--file", folder.parent / "shop.toml"
        )
        assert stored.code == 0, stored.err

        async def status() -> tuple[str, str]:
            async with ScriptServer([call("shell", "c1", command=look), say("Done.")]) as server:
                program.use(server.base_url)
                ran = await program.run("run", "Look", "-C", folder)
                return ran.err, json.dumps([json.loads(one.body) for one in server.requests])

        said, told = await status()
        assert f"`journeyman env allow {place}` lets it through." in said and "403" in told
        allowed = await program.run("env", "allow", place, "-C", folder)
        assert (allowed.code, allowed.err) == (
            0,
            f"The environment shop now has network to api.test, {place} and the private {HOST} in attempts.\n",
        )
        said, told = await status()
        assert "refused" not in said and "\\n200" in told
    wrong = await program.run("env", "allow", "no host", "-C", folder)
    assert (wrong.code, "'no host', which is no host" in wrong.err) == (2, True)


async def test_allowing_a_host_leaves_the_repository_s_own_file_as_it_is(
    program: Program, make_repository: MakeRepository
) -> None:
    text = "name = 'shop'\nchecks = ['true']\n[attempt]\nnetwork = { access = 'on' }\n"
    folder = make_repository({".journeyman/environment.toml": text})
    allowed = await program.run("env", "allow", "**.example.com", "-C", folder)
    assert allowed.err == (
        "The environment repository now has network to **.example.com in attempts.\n"
        "It is stored, and goes before .journeyman/environment.toml; `journeyman env remove repository` undoes that.\n"
    )
    setup = await program.run("env", "allow", "--setup", "files.example.com", "-C", folder)
    assert setup.err == "The environment repository now has network to files.example.com in set-up.\n"
    shown = await program.run("env", "show", "-C", folder)
    assert 'checks = ["true"]' in shown.out and "**.example.com" in shown.out and "files.example.com" in shown.out
    assert git(folder, "status", "--porcelain") == ""


async def test_a_plain_run_sets_nothing_up_that_nobody_wrote_down(
    program: Program, make_repository: MakeRepository
) -> None:
    folder = make_repository({"requirements.txt": "there-is-no-such-package\n", "a.txt": "one\n"})
    async with ScriptServer([say("Done."), say("Done.")]) as server:
        program.use(server.base_url)
        ran = await program.run("run", "Look", "-C", folder)
        assert "environment" not in ran.err.lower()
        assert not (program.home / "environments").exists()
        unknown = await program.run("run", "Look", "-C", folder, "--env", "atuo")
    assert unknown.code == 2
    assert unknown.err == "journeyman: There is no stored environment 'atuo'. Did you mean 'auto'?\n"


async def test_init_writes_and_stores_and_a_misspelt_key_is_named(
    program: Program, make_repository: MakeRepository
) -> None:
    folder = make_repository({"requirements.txt": "tiny\n"})
    wrote = await program.run("env", "init", "-C", folder)
    file = folder / ".journeyman" / "environment.toml"
    assert wrote.err == f"Wrote {file}.\n"
    assert "python -m pip install -r requirements.txt" in file.read_text()
    again = await program.run("env", "init", "-C", folder)
    assert (again.code, "is there already" in again.err) == (2, True)
    file.write_text(file.read_text().replace("[setup]", "[setpu]"))
    wrong = await program.run("env", "show", "-C", folder)
    assert wrong.code == 2
    assert "there is no key 'setpu'. Did you mean 'setup'?" in wrong.err
    lay(folder, {".journeyman/environment.toml": "checks = ['true']\n"})
    stored = await program.run("env", "init", "-C", folder, "--store", "mine", "--file", file)
    assert stored.code == 0, stored.err
    shown = await program.run("env", "show", "-C", folder, "--json")
    assert (shown.lines[0]["source"], shown.lines[0]["environment"]["name"]) == ("stored", "mine")
    assert (await program.run("env", "remove", "mine")).code == 0


async def test_a_stored_environment_brings_its_repository_from_elsewhere(
    program: Program, make_repository: MakeRepository, tmp_path: Path
) -> None:
    remote = make_repository({"a.txt": "one\n", ".gitignore": "*.gen\n"})
    address = f"file://{remote}"
    file = tmp_path / "far.toml"
    file.write_text(f"repository = '{address}'\n[setup]\nscript = 'echo one > b.gen'\n")
    stored = await program.run("env", "init", "--store", "far", "--file", file, cwd=tmp_path)
    assert stored.err == f"Stored far; it is used for {address}, and anywhere with `--env far`.\n"
    built = await program.run("env", "build", "--env", "far", "--json", cwd=tmp_path)
    assert built.code == 0, built.err
    lay(remote, {"a.txt": "two\n"})
    git(remote, "commit", "-qam", "More")
    async with ScriptServer([call("shell", "c1", command="cat a.txt b.gen"), say("Done.")]) as server:
        program.use(server.base_url)
        ran = await program.run("run", "Look", "--env", "far", "--json", cwd=tmp_path)
    [seen] = [line["item"] for line in ran.lines if line["type"] == "item.completed" and "exit_code" in line["item"]]
    assert seen["aggregated_output"] == "two\none\n"  # of the new commit, on what set-up left before
    [mirror] = (program.home / "mirrors").glob("*.git")
    assert (mirror / "HEAD").is_file()


async def test_a_shell_on_a_terminal(program: Program, make_repository: MakeRepository) -> None:
    folder = make_repository({".journeyman/environment.toml": "[setup]\nscript = 'echo 4 > ~/four'\n"})
    ours, theirs = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "journeyman.cli.main", "env", "shell", "-C", folder),
        env=program.environ,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""

    def until(words: bytes) -> None:
        nonlocal seen
        while words not in seen:
            seen += os.read(ours, 4096)

    try:
        await asyncio.to_thread(until, b"(journeyman)")
        os.write(ours, b"echo $(cat ~/four)2; test -t 0 && exit 5\n")
        await asyncio.to_thread(until, b"42\r\n")
        assert await process.wait() == 5
    finally:
        os.close(ours)


@dataclass(slots=True)
class Service:
    """A service that answers with what it was sent."""

    port: int
    keys: list[str] = field(default_factory=list[str])


@contextlib.contextmanager
def echo() -> Generator[Service]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            key = self.headers.get("Authorization", "")
            service.keys.append(key)
            body = f"you sent {key}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer((HOST, 0), Handler)
    service = Service(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def kept(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Everything below a folder: the bytes of each file, and what they are when they are unpacked."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            yield str(path), str(path.readlink()).encode()
        elif path.is_file():
            data = path.read_bytes()
            yield str(path), data
            with contextlib.suppress(zlib.error):
                yield f"{path} unpacked", zlib.decompress(data)


SETUP_TOKEN = "s3t&up/tok+en 42long-words"
API_KEY = "key-0123456789-abcdef"
MANY_WAYS = """
import base64, json, os, sys, time, urllib.parse
from pathlib import Path
for name in ("SETUP_TOKEN", "API_KEY"):
    secret = os.environ.get(name, "not here at all")
    print("plain", secret, "and", secret * 3)
    print("base64", base64.b64encode(secret.encode()).decode(), base64.b64encode(f"me:{secret}".encode()).decode())
    print("url", urllib.parse.quote(secret), urllib.parse.quote_plus(secret), "json", json.dumps(secret))
    print("hex", secret.encode().hex(), "html", secret.replace("&", "&amp;"))
    for letter in secret:
        sys.stdout.write(letter)
        sys.stdout.flush()
    print("\\n" + "x" * 70000 + secret + "y" * 70000)
    print(secret, file=sys.stderr)
"""


async def test_nothing_that_is_stored_or_shown_holds_a_secret(
    program: Program, make_repository: MakeRepository
) -> None:
    with echo() as service:
        place = f"{HOST}:{service.port}"
        text = (
            "name = 'shop'\nchecks = ['python3 ways.py']\n"
            "[setup]\nscript = 'set -x; python3 ways.py; echo $SETUP_TOKEN; : $SETUP_TOKEN; touch ~/ready'\n"
            f"[attempt]\nnetwork = {{ access = 'allow-list', hosts = ['{place}'], private = ['{HOST}'] }}\n"
            f"[secrets.SETUP_TOKEN]\nkind = 'setup'\n[secrets.API_KEY]\nkind = 'brokered'\nhosts = ['{place}']\n"
        )
        folder = make_repository({".journeyman/environment.toml": text, "ways.py": MANY_WAYS, "a.txt": "one\n"})
        said = await put(program, SETUP_TOKEN + "\n", "secret", "set", "SETUP_TOKEN", "--env", "shop")
        said += await put(program, API_KEY, "secret", "set", "API_KEY")
        listed = await program.run("secret", "list", "--json")
        assert [(line["name"], line["environment"]) for line in listed.lines] == [
            ("API_KEY", None),
            ("SETUP_TOKEN", "shop"),
        ]
        capped = await program.run("env", "build", "-C", folder)
        assert "Not approved and left out: " in capped.err and "the secret API_KEY for" in capped.err
        assert (await program.run("env", "trust", "-C", folder)).code == 2  # nobody is there to ask
        trusted = await program.run("env", "trust", "-C", folder, "--yes")
        assert trusted.err.endswith("Approved, until the file changes.\n")
        built = await program.run("env", "build", "-C", folder)
        assert built.code == 0, built.err
        output = await program.run("env", "show", "-C", folder, "--output")
        assert output.out.count("[secret shop/SETUP_TOKEN]") >= 15
        ask = (
            f'python3 -c \'import os, urllib.request as u; r = u.Request("http://{place}/", headers={{"Authorization": '
            'os.environ["API_KEY"]}); print(u.urlopen(r).read().decode())\' | tee -a a.txt'
        )
        script = [
            call("shell", "c1", command=f"{ask}; python3 ways.py; echo $API_KEY"),
            call("shell", "c2", command="python3 -c 'import urllib.request as u; u.urlopen(\"http://127.0.0.3/\")'"),
            say(f"The key is {API_KEY}."),
        ]
        async with ScriptServer(script) as server:
            program.use(server.base_url)
            ran = await program.run("run", f"Use {API_KEY}", "-C", folder, "--json")
            asked = json.dumps(server.requests, default=str)
    assert service.keys == [API_KEY]  # the proxy put it in
    assert "earlier" not in said  # there was nothing that it could be in
    late = await put(program, "told-too-late", "secret", "set", "LATE")
    assert "What earlier ones have stored is left as it is" in late
    items = [line["item"] for line in ran.lines if line["type"] == "item.completed"]
    [refused] = [item for item in items if item["type"] == "refused_request"]
    assert (refused["host"], refused["method"], refused["port"]) == ("127.0.0.3", "GET", 80)
    first = next(item for item in items if item["type"] == "command_execution")
    assert "you sent JM-" in first["aggregated_output"]
    assert "plain not here at all" in first["aggregated_output"]  # the secret of set-up is gone
    shown = await program.run("show", "-C", folder)
    assert "1 request refused: 127.0.0.3" in shown.out
    log = await program.run("log", "-C", folder, "--raw")
    everything = [
        ("program", "".join(one.out + one.err for one in (capped, trusted, built, output, ran, shown, log)).encode())
    ]
    everything += [("said", said.encode()), ("the model", asked.encode()), *kept(program.home)]
    assert len(everything) > 50
    for where, data in everything:
        for secret in (SETUP_TOKEN, API_KEY):
            raw = secret.encode()
            forms = (raw, base64.b64encode(raw), base64.b64encode(b"me:" + raw)[4:-4], quote(secret).encode())
            forms = (*forms, quote(secret, safe="").encode(), raw.hex().encode(), json.dumps(secret)[1:-1].encode())
            for form in forms:
                assert form not in data, (where, form)
    assert git(folder, "status", "--porcelain") == ""
