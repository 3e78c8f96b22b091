"""What the worker of `serve` is told."""

from journeyman.cli.temporal import temporal
from journeyman.cli.worker_child import told_to


def test_a_worker_gets_the_options_of_its_service() -> None:
    engine = temporal("engine:7233", "work", True, "KEY")
    assert told_to(4, "postgresql://db/j", "s3://b", engine) == [
        "--slots=4",
        "--store=postgresql://db/j",
        "--blobs=s3://b",
        "--temporal-address=engine:7233",
        "--temporal-namespace=work",
        "--temporal-api-key-env=KEY",
        "--temporal-tls",
    ]


def test_what_a_service_was_not_told_its_worker_finds_in_the_settings() -> None:
    assert told_to(None, None, None, {}) == []
