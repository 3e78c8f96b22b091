"""Hand one task of a JSONL file to a server, look on until it is done, and print its patch.

    journeyman serve --no-auth &
    python examples/submit_task.py quixbugs-dev.jsonl quixbugs-gcd

Each line of the file is a task with `instance_id`, `problem_statement` and `files`, a repository by path and text. It is
laid out in a folder of its own, so the server has to be on this machine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from journeyman.client import Client, TaskCreate
from journeyman.core.api.tasks import TaskView


def main() -> int:
    words = argparse.ArgumentParser(description="Hand one task of a JSONL file to a Journeyman server.")
    words.add_argument("file", type=Path)
    words.add_argument("instance_id")
    words.add_argument("--server", default="http://127.0.0.1:8700")
    given = words.parse_args()
    tasks = {task["instance_id"]: task for task in map(json.loads, given.file.open(encoding="utf-8"))}
    task = tasks[given.instance_id]
    repository = lay_out(task["files"], Path(tempfile.mkdtemp(prefix=f"{given.instance_id}-")))
    with Client(given.server, os.environ.get("JOURNEYMAN_TOKEN")) as client:
        view = client.submit(TaskCreate(prompt=task["problem_statement"], repository=str(repository)))
        print(f"{client.address}/tasks/{view.task.id}", file=sys.stderr)
        for change in client.events(view.task.id):
            if isinstance(change, TaskView):
                view = change
                print(f"{view.task.status}: {view.task.summary.line}", file=sys.stderr)
                if view.task.status not in ("queued", "running"):
                    break
        print(f"{view.task.verdict}: {client.result(view.task.id).summary}", file=sys.stderr)
        sys.stdout.buffer.write(client.patch(view.task.id))
    return 0 if view.task.verdict == "verified" else 1


def lay_out(files: dict[str, str], folder: Path) -> Path:
    """A git repository of one commit of these files."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    git = ["git", "-C", str(folder), "-c", "user.name=Me", "-c", "user.email=me@localhost"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "The beginning"]):
        subprocess.run([*git, *command], check=True)
    return folder


if __name__ == "__main__":
    sys.exit(main())
