"""Times of the day as text and as minutes since midnight."""


def parse(text):
    """Minutes since midnight of a time such as "09:30".

    >>> parse("09:30")
    570
    """
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def clock(minutes):
    """The time as text.

    >>> clock(570)
    '09:30'
    """
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
