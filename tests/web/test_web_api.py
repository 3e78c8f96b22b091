"""The web app's client is generated from the service's description, and is that of the service as it is."""

from pathlib import Path
from types import ModuleType


def test_the_client_is_that_of_the_service(web: ModuleType, tmp_path: Path) -> None:
    fresh = tmp_path / "schema.ts"
    web.describe(fresh)
    assert fresh.read_text() == web.SCHEMA.read_text(), "run scripts/web.py api: the API was changed"
