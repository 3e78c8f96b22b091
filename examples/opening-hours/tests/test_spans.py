from hours import is_open, merge, minutes_open


def test_spans_that_overlap_become_one():
    assert merge([(540, 720), (660, 1080)]) == [(540, 1080)]


def test_spans_that_touch_become_one():
    assert merge([(540, 720), (720, 1080)]) == [(540, 1080)]


def test_spans_apart_stay_apart():
    assert merge([(840, 1080), (540, 720)]) == [(540, 720), (840, 1080)]


def test_a_span_within_another_adds_nothing():
    assert merge([(540, 1080), (600, 660)]) == [(540, 1080)]


def test_a_lunch_entry_does_not_close_the_shop():
    assert minutes_open([(540, 1080), (720, 780)]) == 540


def test_closed_at_the_closing_minute():
    assert is_open([(540, 720)], 540)
    assert not is_open([(540, 720)], 720)
