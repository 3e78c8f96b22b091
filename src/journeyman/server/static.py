"""The built web app at `/`, or a plain page that says that there is none."""

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Scope

NONE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Journeyman</title>
<h1>Journeyman</h1>
<p>The service runs; this installation comes without the web app.</p>
<p>The API is under <a href="/api/v1/openapi.json">/api/v1</a>. On the command line:
<code>journeyman remote add</code>, then <code>journeyman tasks submit</code>.</p>
</html>
"""

PACKED = {"br": ".br", "gzip": ".gz"}
"""How what is below assets/ stands there compressed, the smallest first."""

FOREVER = "public, max-age=31536000, immutable"

_FRAME = (
    "default-src 'none'; {}; img-src data: blob:; font-src 'self' data:; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-scripts"
)
FRAMES = {
    "diagram.html": _FRAME.format("script-src 'self'; style-src 'self' 'unsafe-inline'"),
    "player.html": _FRAME.format(
        "script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; worker-src blob:"
    ),
}
"""Pages of the app that stand in a frame without an origin, where what they show cannot reach anything; each with the
policy that its library needs and the app's own page must not have."""


class WebApp(StaticFiles):
    """The files of the build; any other path that a browser opens is the app's own, and gets its page."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await self._found(path, scope)
        if path in FRAMES:
            response.headers["Content-Security-Policy"] = FRAMES[path]
        if not path.startswith("assets/"):
            response.headers["Cache-Control"] = "no-cache"
            return response
        kind = response.headers["Content-Type"]
        taken = {part.partition(";")[0].strip() for part in Headers(scope=scope).get("accept-encoding", "").split(",")}
        for coding, ending in PACKED.items():
            if coding in taken and self.lookup_path(f"{path}{ending}")[1] is not None:
                response = await super().get_response(f"{path}{ending}", scope)
                response.headers["Content-Type"] = kind
                response.headers["Content-Encoding"] = coding
                break
        response.headers["Vary"] = "Accept-Encoding"
        # Vite names what is below assets/ by its content.
        response.headers["Cache-Control"] = FOREVER
        # A frame without an origin has to fetch its scripts from another one. They are no secret.
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    async def _found(self, path: str, scope: Scope) -> Response:
        try:
            return await super().get_response(path, scope)
        except HTTPException as failure:
            api = path.startswith("api/")
            if api or failure.status_code != 404 or "." in path.rpartition("/")[2]:
                raise
            return await super().get_response("index.html", scope)


def serve_web_app(app: FastAPI, static: Path | None) -> None:
    """Answer what is no path of the API. Comes last: it takes everything that is left."""
    if static is not None and (static / "index.html").is_file():
        app.mount("/", WebApp(directory=static, html=True), name="web")
        return

    async def nothing_built(_request: Request) -> Response:
        return HTMLResponse(NONE)

    app.add_route("/", nothing_built, methods=["GET"], include_in_schema=False)
