"""Replies while they are written, as a stream tells them: piece by piece, to each reader what it has not heard yet."""

from collections.abc import Sequence
from functools import lru_cache

from journeyman.core.api.live import DraftPiece
from journeyman.core.events import Replied
from journeyman.server.sse import json_of, sent
from journeyman.store.drafts import Draft, Onlooker
from journeyman.store.reading import TaskEvent


class DraftReader:
    """What one reader of a task was told of its drafts."""

    def __init__(self, onlooker: Onlooker) -> None:
        self._onlooker = onlooker
        self._told: dict[str, Draft] = {}
        self._replied: dict[str, int] = {}

    def hear(self, events: Sequence[TaskEvent]) -> None:
        """Take note of events that this reader is told: from a reply on, its draft is no more."""
        for told in events:
            if isinstance(told.event, Replied):
                self._replied[told.attempt_id] = told.event.seq
                self._told.pop(told.attempt_id, None)

    def tell(self) -> bytes:
        """What is to be sent; nothing where nothing is new."""
        now = self._onlooker.drafts
        pieces: list[bytes] = []
        for attempt_id, draft in now.items():
            before = self._told.get(attempt_id)
            if draft is not before and draft.since >= self._replied.get(attempt_id, 0):
                self._told[attempt_id] = draft
                pieces.append(_piece(before, draft))
        for attempt_id in self._told.keys() - now.keys():
            over = self._told.pop(attempt_id)
            pieces.append(_sent(DraftPiece(attempt=attempt_id, since=over.since, written=0, fresh=True)))
        return b"".join(pieces)


@lru_cache(maxsize=16)  # all who follow a task are mostly told the same
def _piece(before: Draft | None, now: Draft) -> bytes:
    goes_on = (
        before is not None
        and before.since == now.since
        and now.written >= before.written
        and now.text.startswith(before.text)
        and now.reasoning.startswith(before.reasoning)
    )
    kept = before if before is not None and goes_on else Draft(now.attempt_id, now.since, 0, "", "")
    return _sent(
        DraftPiece(
            attempt=now.attempt_id,
            since=now.since,
            written=now.written,
            fresh=not goes_on,
            reasoning=now.reasoning[len(kept.reasoning) :],
            text=now.text[len(kept.text) :],
        )
    )


def _sent(piece: DraftPiece) -> bytes:
    return sent("draft", json_of(piece))
