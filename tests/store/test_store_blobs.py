"""Blobs in a bucket, in a folder that outlasts the machine, and what is told when they cannot be had."""

import hashlib
from pathlib import Path

import pytest

from journeyman.core.errors import StoreError, UsageError
from journeyman.store.blobs import Blobs
from journeyman.testing.s3 import S3Server

LARGE = b"".join(hashlib.sha256(number.to_bytes(4)).digest() for number in range(400_000))  # 12 MB: sent in parts


@pytest.fixture
def bucket(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in s3.environ.items():
        monkeypatch.setenv(name, value)
    return s3.bucket()


@pytest.mark.parametrize("place", ["folder", "bucket"])
async def test_blobs_are_listed_and_deleted(place: str, tmp_path: Path, bucket: str) -> None:
    root = tmp_path / "blobs" if place == "folder" else f"{bucket}/some/where"
    blobs = Blobs(root, tmp_path / "spool", durable=True)
    data = [b"", b"small", LARGE]
    ids = [await blobs.put(one) for one in data]
    assert ids == [hashlib.sha256(one).hexdigest() for one in data]
    assert [await blobs.get(blob_id) for blob_id in ids] == data
    assert {info.id for info in await blobs.all()} == set(ids)
    assert sum(info.size for info in await blobs.all()) > len(LARGE) * 0.9
    assert await blobs.put(b"small") == ids[1]
    await blobs.delete(ids[:2])
    await blobs.delete(ids[:2])
    assert [info.id for info in await blobs.all()] == ids[2:]
    with pytest.raises(StoreError, match="no such blob"):
        await blobs.get(ids[0])


async def test_a_bucket_that_is_not_there_or_not_ours_is_named(
    tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreError, match="There is no s3://nowhere/x: make it"):
        await Blobs("s3://nowhere/x", tmp_path).put(b"x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StoreError, match=r"could not be kept below s3://.*that its credentials are right"):
        await Blobs(bucket, tmp_path).put(b"x")


@pytest.mark.parametrize("wrong", ["http://there/x", "s3:", "s3:///x", "bucket", "file:///tmp/x"])
def test_what_is_no_bucket_is_refused(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(UsageError, match="must be the address of a bucket"):
        Blobs(wrong, tmp_path)
