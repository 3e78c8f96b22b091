import pytest

from tests.server.worked import Worked, work


@pytest.fixture(scope="session")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Worked:
    """A task with two attempts that were really worked; nobody may change it."""
    return work(tmp_path_factory.mktemp("worked"))
