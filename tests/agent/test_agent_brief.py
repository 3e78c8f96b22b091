"""What a small model is given of a place, and which files a plain search of the text points to."""

from journeyman.agent.brief import BETWEEN, LINES, chosen, excerpt
from journeyman.repo.index.index import Place
from journeyman.tools.text_search import ranked, stems


def place(start: int, end: int, kind: str = "function", path: str = "a.py") -> Place:
    return Place(path, start, end, kind, "f", "", "", 1.0)


def test_words_are_stems_so_that_a_question_finds_names() -> None:
    assert stems("How does the eviction of cached entries work?") == ("evict", "cach", "entr")
    assert stems("What does `evict_oldest` return?") == ("evict_oldest", "return")


def test_files_with_rare_words_and_more_of_them_come_first() -> None:
    held = {
        "web/pages.py": {"cach", "entr"},
        "cache/evict.py": {"cach", "entr", "evict"},
        "tests/test_cache.py": {"cach", "entr", "evict"},
        "other.py": {"entr"},
    }
    assert ranked(held, ("cach", "entr", "evict")) == [
        *("cache/evict.py", "tests/test_cache.py", "web/pages.py", "other.py"),
    ]


def test_of_a_long_definition_its_beginning_and_what_is_asked_for_are_shown() -> None:
    lines = [f"line {number}" for number in range(1, 201)]
    lines[149] = "    evict(entry)"
    assert chosen(lines, place(3, 9), ("evict",)) == list(range(3, 10))
    rows = chosen(lines, place(1, 200), ("evict",))
    assert rows[:3] == [1, 2, 3] and {149, 150, 151} <= set(rows) and len(rows) <= LINES
    between = chosen(lines, place(1, 200, "text"), ("evict",))
    assert 150 in between and len(between) <= BETWEEN
    assert len(chosen(lines, place(1, 200, "text", "README.md"), ("nothing",))) == LINES


def test_lines_are_numbered_and_gaps_are_marked() -> None:
    lines = ["one", "two", "three", "four"]
    assert excerpt(lines, place(1, 4), [1, 2, 4]) == "a.py:\n1 one\n2 two\n…\n4 four"
