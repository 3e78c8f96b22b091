"""A package index for pip on the loopback, with wheels that are made here."""

import base64
import hashlib
import io
import threading
import zipfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.2"
"""Of the loopback too, but none of the names that programs leave out of a proxy."""


def wheel(name: str, version: str = "1.0", *, files: Mapping[str, bytes] | None = None) -> bytes:
    """A wheel with one module that has `VERSION`, and further `files`."""
    info = f"{name}-{version}.dist-info"
    content = {
        f"{name}/__init__.py": f"VERSION = {version!r}\n".encode(),
        **(files or {}),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: journeyman\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{path},sha256={_digest(data)},{len(data)}" for path, data in content.items()]
    content[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in content.items():
            archive.writestr(path, data)
    return packed.getvalue()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@dataclass(slots=True)
class Index:
    """Where it is served, and which paths were asked for."""

    url: str
    port: int
    asked: list[str] = field(default_factory=list[str])


@contextmanager
def serve_index(wheels: Mapping[str, bytes]) -> Generator[Index]:
    """Serve wheels by their file names as a simple index, on a port of the loopback that is free."""
    by_project: dict[str, list[str]] = {}
    for file in wheels:
        by_project.setdefault(file.partition("-")[0].replace("_", "-"), []).append(file)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            index.asked.append(self.path)
            parts = self.path.strip("/").split("/")
            body: bytes | None = None
            if parts[0] == "simple" and len(parts) == 2 and parts[1] in by_project:
                links = "".join(f'<a href="/files/{file}">{file}</a>\n' for file in by_project[parts[1]])
                body = f"<!DOCTYPE html><html><body>{links}</body></html>".encode()
            elif parts[0] == "files" and len(parts) == 2:
                body = wheels.get(parts[1])
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "text/html" if parts[0] == "simple" else "application/octet-stream")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer((HOST, 0), Handler)
    index = Index(f"http://{HOST}:{server.server_port}/simple", server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
