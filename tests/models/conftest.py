"""The embedded model for the tests that need it, where its file is on this machine."""

import os
from pathlib import Path

import platformdirs
import pytest

from journeyman.models.local.model_file import QWEN


@pytest.fixture(scope="session")
def model_cache() -> Path:
    """The folder with the embedded model's file: `JOURNEYMAN_TEST_CACHE`, else where `journeyman fetch` puts it."""
    cache = Path(os.environ.get("JOURNEYMAN_TEST_CACHE") or platformdirs.user_cache_dir("journeyman"))
    if not (cache / QWEN.name).exists():
        pytest.skip(f"the embedded model is not in {cache}; `journeyman fetch` gets it")
    return cache
