"""The API against its own description: requests made from it, right ones and wrong ones, find no server error and no
answer that it does not describe. More of them, by hand: `schemathesis run ADDRESS/api/v1/openapi.json`."""

import subprocess
import sysconfig
from pathlib import Path

import httpx
import pytest

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
ENDLESS = ("stream_task", "stream_list")
"""Their answers do not end."""
AFAR = ("add_forge",)
"""It asks whatever host it is given."""


OTHERWISE = ("people", "administration", "health")
"""What is asked where nobody signs in: the rest knows of no difference."""


@pytest.mark.parametrize("signed", [True, False], ids=["an administrator's token", "without sign-in"])
def test_no_request_finds_a_server_error_or_an_answer_that_is_not_described(
    worked: Worked, tmp_path: Path, signed: bool
) -> None:
    with in_a_thread(worked, tmp_path / "home", open_to_all=not signed) as service:
        named = {"task_id": worked.task, "attempt": "1.1", "chunk": worked.chunk}
        if signed:  # or it would find its own person and token, and delete them
            named |= {"person_id": service.person, "token_id": service.other}
        settings = tmp_path / "schemathesis.toml"
        settings.write_text("[parameters]\n" + "".join(f'{name} = "{value}"\n' for name, value in named.items()))
        command = [f"{sysconfig.get_path('scripts')}/schemathesis", "--config-file", str(settings), "run"]
        command += [f"{service.address}/api/v1/openapi.json", "--checks", ",".join(CHECKS), "--continue-on-failure"]
        command += ["--seed", "1", "--generation-database", "none", "--suppress-health-check", "all"]
        if signed:
            command += ["--phases", "examples,fuzzing", "--max-examples", "3"]
            command += ["--generation-with-security-parameters", "false"]
            command += ["--header", f"Authorization: Bearer {service.token}"]
            for name in (*ENDLESS, *AFAR):
                command += ["--exclude-operation-id", name]
        else:
            command += ["--phases", "examples"]
            for name in OTHERWISE:
                command += ["--include-tag", name]
        httpx.get(f"{service.address}/api/v1/openapi.json", timeout=120, trust_env=False)  # made now, and then at hand
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        headers = {"Authorization": f"Bearer {service.token}"} if signed else {}
        after = httpx.get(f"{service.address}/api/v1/people", headers=headers, timeout=60, trust_env=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert after.status_code == 200, "it was shut out in the middle"
