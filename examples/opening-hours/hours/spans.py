"""Spans: pairs of minutes since midnight, from when the shop opens until when it closes."""


def merge(spans):
    """The same opening hours as sorted spans that neither overlap nor touch.

    >>> merge([(540, 720), (660, 1080)])
    [(540, 1080)]
    """
    merged = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            first, last = merged.pop()
            merged.append((first, end))
        else:
            merged.append((start, end))
    return merged


def minutes_open(spans):
    """How many minutes of the day the shop is open."""
    return sum(end - start for start, end in merge(spans))


def is_open(spans, minute):
    """Whether the shop is open at that minute; at the closing minute it is not."""
    return any(start <= minute < end for start, end in spans)
