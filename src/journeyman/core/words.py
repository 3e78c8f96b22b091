"""Events in sentences that are the same wherever they are shown."""

from journeyman.core.events import Compacted


def compacted_words(event: Compacted) -> str:
    by = "" if event.by == "model" else " The model gave no summary; one was put together from the log."
    return (
        f"The conversation was summarised, since it came near the end of the model's window: about {event.before:,} "
        f"tokens became {event.after:,}.{by}"
    )
