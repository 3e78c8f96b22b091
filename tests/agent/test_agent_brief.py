"""Which places of a repository fit a question: by stems, definitions, files and paths."""

from journeyman.agent.brief import Place, hit, ranked, words

CODE: dict[Place, str] = {
    ("cache/evict.py", 12): "def evict_oldest(entries):",
    ("cache/evict.py", 40): "    evict_oldest(self.entries)",
    ("web/pages.py", 3): "cache = Cache()  # entries of pages",
    ("tests/test_cache.py", 5): "def test_evict_oldest():",
    ("web/pages.py", 90): "    entries = []",
}


def found(question: str) -> list[Place]:
    wanted = words(question)
    return ranked({place: one for place, text in CODE.items() if (one := hit(text, wanted)).held}, wanted)


def test_words_are_stems_so_that_a_question_finds_names() -> None:
    assert words("How does the eviction of cached entries work?") == ("evict", "cach", "entr", "work")
    assert words("What does `evict_oldest` return?") == ("evict_oldest", "return")


def test_a_definition_comes_before_its_uses_and_its_tests() -> None:
    order = found("How are the oldest entries evicted?")
    assert order[0] == ("cache/evict.py", 12)
    assert order.index(("cache/evict.py", 40)) < order.index(("web/pages.py", 90))
    assert order.index(("cache/evict.py", 12)) < order.index(("tests/test_cache.py", 5))


def test_places_that_are_shown_already_are_left_out() -> None:
    near: dict[Place, str] = {("a.py", 1): "def evict(a):", ("a.py", 3): "    evict(b)", ("a.py", 30): "evict(c)"}
    wanted = words("evict")
    assert ranked({place: hit(text, wanted) for place, text in near.items()}, wanted) == [("a.py", 1), ("a.py", 30)]


def test_definitions_of_many_languages_are_known() -> None:
    lines = {
        "export async function evictAll(x) {": True,
        "pub(crate) fn evict(&mut self) {": True,
        "func (c *Cache) Evict() {": True,
        "class EvictionPolicy(Base):": True,
        "const evict = () => 1": True,
        "EVICT = 3": True,
        "    self.evict()": False,
        "if evict == 3:": False,
    }
    assert {line: bool(hit(line, ("evict",)).defined) for line in lines} == lines
