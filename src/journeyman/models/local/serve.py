"""The model server's own process: `python -m journeyman.models.local.serve SETTINGS`.

It goes into the background, loads the model, writes down its address, and ends when nobody has used it for a while.
It outlives the program that started it, and everything that both agree on is in one directory:

    server.lock    held by this process as long as it lives
    server.json    its address and token, once the model is loaded
    failure.json   why it could not load the model
    lease          held (shared) by whoever waits for a reply; touched afterwards
    server.log     what llama.cpp says
"""

import json
import os
import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from journeyman.models.local.locks import take

LOCK, RECORD, FAILURE, LEASE, LOG = "server.lock", "server.json", "failure.json", "lease", "server.log"

LOCK_PATIENCE = 2.0
"""Seconds to try for the lock, which those who look whether it is held take for a moment."""
LOOK = 2.0
"""Seconds between two looks at whether the server is still needed."""


@dataclass(frozen=True, slots=True)
class Serving:
    """How the model is served. `window` is tokens, shared by `slots` side by side; `idle` and `look` are seconds.

    `prompt_cache` is how many MiB of states of earlier prompts are kept. `draft` is how many tokens are guessed at once
    by looking up what the last `draft_after` tokens were followed by before. `batch` is how many tokens of prompts are
    read at a time: so long does a request that was cancelled go on, and those that write meanwhile wait.
    """

    model: str
    threads: int
    window: int = 16_384
    slots: int = 4
    prompt_cache: int = 512
    idle: float = 900.0
    look: float = LOOK
    draft: int = 12
    draft_after: int = 6
    batch: int = 256


def main(arguments: list[str]) -> int:
    """Exit code 0 as soon as the server is on its way, 3 when another one runs already."""
    directory, serving = Path(arguments[0]), Serving(**json.loads(arguments[1]))
    for _ in range(int(LOCK_PATIENCE / 0.05)):
        if take(directory / LOCK) is not None:
            break
        time.sleep(0.05)
    else:
        return 3
    for name in (RECORD, FAILURE):
        (directory / name).unlink(missing_ok=True)
    if os.fork():
        os._exit(0)  # the child has the lock now
    _serve(directory, serving)
    return 0


def _serve(directory: Path, serving: Serving) -> None:
    token = secrets.token_urlsafe(24)
    try:
        server = _load(serving, token)
    except ImportError as error:
        _write(directory / FAILURE, {"kind": "import", "message": str(error)})
        raise
    except (RuntimeError, MemoryError) as error:
        _write(directory / FAILURE, {"kind": "load", "message": str(error)})
        raise
    record = {"url": server.listening_address, "token": token, "pid": os.getpid()}
    _write(directory / RECORD, record)
    started = time.time()
    while _is_needed(directory, record, started, serving):
        time.sleep(serving.look)
    os._exit(0)  # without waiting for the server's threads


def _load(serving: Serving, token: str) -> Any:
    """The running server; the import and the loading raise what they raise."""
    xllamacpp: Any = import_module("xllamacpp")  # has no types
    params = xllamacpp.CommonParams()
    params.model.path = serving.model
    params.model_alias = {"local"}
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # any that is free
    params.api_keys = [token]
    params.cors_origins = ""
    params.ui = False
    params.endpoint_slots = False
    params.fit_params = False
    params.verbosity = 1  # errors
    params.cpuparams.n_threads = serving.threads
    params.cpuparams_batch.n_threads = serving.threads
    params.n_ctx = serving.window
    params.n_batch = params.n_ubatch = serving.batch
    params.n_parallel = serving.slots
    params.kv_unified = True
    params.cache_prompt = True
    params.cache_ram_mib = serving.prompt_cache
    if serving.draft:
        params.speculative.types = [xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE]
        params.speculative.ngram_simple.size_n = serving.draft_after
        params.speculative.ngram_simple.size_m = serving.draft
    return xllamacpp.Server(params)


def _is_needed(directory: Path, record: Mapping[str, object], started: float, serving: Serving) -> bool:
    """False when nobody has used the server for `idle` seconds, or its directory is no longer its own."""
    try:
        if json.loads((directory / RECORD).read_text()) != record:
            return False
        used = max((directory / LEASE).stat().st_mtime, started)
        if time.time() - used < serving.idle:
            return True
        lease = take(directory / LEASE)
        if lease is None:
            return True
        # From here to the end of this process the lease is held, so that whoever comes waits, and starts a new server.
        if time.time() - (directory / LEASE).stat().st_mtime < serving.idle:
            os.close(lease)
            return True
        (directory / RECORD).unlink()
    except (OSError, ValueError):
        pass
    return False


def _write(path: Path, value: Mapping[str, object]) -> None:
    """Writes all of it at once, for this user's eyes only."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(value, file)
    fresh.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
