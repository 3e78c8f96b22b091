"""What must last: event logs, tasks, chunks and blobs."""

from journeyman.store.holder import this_process
from journeyman.store.log import AttemptLog
from journeyman.store.store import ChunkInfo, Store, open_store

__all__ = ["AttemptLog", "ChunkInfo", "Store", "open_store", "this_process"]
