"""Opening hours: spans of minutes in a day, merged, measured and printed."""

from hours.clock import clock, parse
from hours.spans import is_open, merge, minutes_open

__all__ = ["clock", "is_open", "merge", "minutes_open", "parse"]
