"""The least that an agent with a sandbox can do: http.client, a list of items, and a bubblewrap for every command.

It stands beside Journeyman in the benchmark of its own cost. Address from BENCH_URL.
"""

import http.client
import json
import os
import subprocess
import sys
import urllib.parse
from pathlib import Path

BOX = ("--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink",
       "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--unshare-all",
       "--die-with-parent")  # fmt: skip


VENV = Path(sys.executable).parent.parent  # where this is started from, though it runs without site-packages


def bubblewrap() -> str:
    found = VENV.glob("lib/python3*/site-packages/*bubblewrap*/**/bwrap")
    return next((str(place) for place in found if place.is_file()), "bwrap")


def main() -> None:
    url = urllib.parse.urlsplit(os.environ["BENCH_URL"])
    connection = http.client.HTTPConnection(url.hostname or "", url.port)
    here = str(Path.cwd())
    program = bubblewrap()
    python = ("--ro-bind", sys.base_prefix, sys.base_prefix, "--ro-bind-try", str(VENV), str(VENV))
    items: list[dict[str, object]] = [{"role": "user", "content": "Fix price"}]
    while True:
        body = json.dumps({"model": "scripted", "input": items, "stream": False})
        connection.request("POST", f"{url.path}/responses", body, {"content-type": "application/json"})
        output = json.loads(connection.getresponse().read())["output"]
        items += output
        calls = [item for item in output if item["type"] == "function_call"]
        if not calls:
            return
        for call in calls:
            arguments = json.loads(call["arguments"])
            done = subprocess.run(
                [program, *BOX, *python, "--bind", here, here, "--chdir", here, "bash", "-c",
                 arguments.get("command", "true")],
                env={"PATH": f"{VENV}/bin:/usr/bin:/bin"}, capture_output=True, text=True,
            )  # fmt: skip
            items.append({"type": "function_call_output", "call_id": call["call_id"], "output": done.stdout})


main()
