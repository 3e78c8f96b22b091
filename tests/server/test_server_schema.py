"""The API against its own description: requests made from it, right ones and wrong ones, find no server error and no
answer that it does not describe. More of them, by hand: `schemathesis run ADDRESS/api/v1/openapi.json`."""

import subprocess
import sysconfig
from pathlib import Path

from tests.server.threaded import in_a_thread
from tests.server.worked import Worked

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "missing_required_header",
)
ENDLESS = ("stream_task", "stream_list", "watch_build")
"""Their answers do not end."""


def test_no_request_finds_a_server_error_or_an_answer_that_is_not_described(worked: Worked, tmp_path: Path) -> None:
    settings = tmp_path / "schemathesis.toml"
    named = {"task_id": worked.task, "attempt": "1.1", "chunk": worked.chunk}
    settings.write_text("[parameters]\n" + "".join(f'{name} = "{value}"\n' for name, value in named.items()))
    with in_a_thread(worked, tmp_path / "home") as service:
        command = [f"{sysconfig.get_path('scripts')}/schemathesis", "--config-file", str(settings), "run"]
        command += [
            f"{service.address}/api/v1/openapi.json",
            "--phases",
            "examples,fuzzing",
            "--max-examples",
            "5",
            "--seed",
            "1",
        ]
        command += ["--checks", ",".join(CHECKS), "--continue-on-failure", "--generation-database", "none"]
        for name in ENDLESS:
            command += ["--exclude-operation-id", name]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
