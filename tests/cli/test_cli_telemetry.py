import asyncio
import os
import subprocess
import sys
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from journeyman.cli.telemetry import observer, telemetry, wanted
from tests.server.provider import listening

PROGRAM = """
import os
from opentelemetry import trace
from journeyman.cli.telemetry import observer, telemetry
from journeyman.core.events import Opened
from journeyman.core.task import Attempt

with telemetry(os.environ):
    spans = observer(os.environ)(Attempt(id="0task.1.1", task_id="0task"), None)
    spans([Opened(at=1.0, backend="b", workspace="/r")])
    spans.close(2.0)
"""


def test_nobody_pays_for_what_nobody_asked_for() -> None:
    assert not wanted({})
    assert not wanted({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"})
    assert observer({}) is None
    with telemetry({}):
        pass


async def test_a_collector_gets_spans_before_the_process_ends(tmp_path: Path) -> None:
    got = dict[str, bytes]()

    async def collect(request: Request) -> Response:
        got[request.url.path] = await request.body()
        return Response(b"", media_type="application/x-protobuf")

    async with listening(Starlette(routes=[Route("/{path:path}", collect, methods=["POST"])])) as address:
        ours = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
        environ = {**os.environ, **ours, "no_proxy": "127.0.0.1"}
        ran = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", PROGRAM],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert ran.returncode == 0, ran.stderr
    assert b"invoke_agent journeyman" in got["/v1/traces"]
    assert b"journeyman" in got["/v1/traces"].split(b"service.name")[1][:20]
