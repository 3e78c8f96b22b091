"""What must last: event logs, tasks, chunks and blobs."""

from journeyman.store.holder import this_process
from journeyman.store.lines import Filter, Line, Page, Viewer
from journeyman.store.log import AttemptLog
from journeyman.store.reading import ChunkInfo, TaskEvent
from journeyman.store.store import Store, open_store
from journeyman.store.tail import Follow, Watch

__all__ = [
    "AttemptLog",
    "ChunkInfo",
    "Filter",
    "Follow",
    "Line",
    "Page",
    "Store",
    "TaskEvent",
    "Viewer",
    "Watch",
    "open_store",
    "this_process",
]
