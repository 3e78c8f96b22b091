import pytest

from hours import clock, parse


@pytest.mark.parametrize("text, minutes", [("00:00", 0), ("09:30", 570), ("23:59", 1439)])
def test_there_and_back(text, minutes):
    assert parse(text) == minutes
    assert clock(minutes) == text
