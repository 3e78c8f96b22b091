"""Six small files with one mistake each, and what they have to do: the requests of `scripts/bench decoding`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slip:
    """A file with a mistake. `failing` is what a test says about it; `tests` are lines that go behind the file."""

    path: str
    text: str
    failing: str
    tests: str


INTERVALS = Slip(
    "intervals.py",
    '''\
"""Closed intervals of whole numbers, as pairs (first, last)."""


def merge(intervals):
    """The intervals that cover the same numbers, sorted; those that overlap or touch (1-3, 4-6) are one."""
    merged = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + 1:
            start, _ = merged.pop()
            merged.append((start, last))
        else:
            merged.append((first, last))
    return merged
''',
    "test_within: assert merge([(1, 9), (2, 3)]) == [(1, 9)], got [(1, 3)]",
    """\
assert merge([]) == []
assert merge([(1, 9), (2, 3)]) == [(1, 9)]
assert merge([(5, 6), (1, 3), (4, 4)]) == [(1, 6)]
assert merge([(1, 2), (4, 5)]) == [(1, 2), (4, 5)]
assert merge([(1, 5), (2, 8), (3, 4)]) == [(1, 8)]
""",
)

WRAP = Slip(
    "wrap.py",
    '''\
"""Lines of text of a given width."""


def wrap(text, width):
    """The words of `text` in lines of at most `width` characters; a longer word has a line of its own."""
    lines = []
    line = ""
    for word in text.split():
        if not line:
            line = word
        elif len(line) + len(word) <= width:
            line = line + " " + word
        else:
            lines.append(line)
            line = word
    if line:
        lines.append(line)
    return lines
''',
    "test_width: assert wrap('ab cd', 4) == ['ab', 'cd'], got ['ab cd']",
    """\
assert wrap('', 5) == []
assert wrap('ab cd', 4) == ['ab', 'cd']
assert wrap('ab cd', 5) == ['ab cd']
assert wrap('a b c d e', 3) == ['a b', 'c d', 'e']
assert wrap('a extraordinary b', 4) == ['a', 'extraordinary', 'b']
""",
)

ROMAN = Slip(
    "roman.py",
    '''\
"""Roman numerals from 1 to 3999."""

VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def from_roman(numeral):
    """The number that `numeral` stands for; a letter before a greater one counts as minus."""
    total = 0
    for at, letter in enumerate(numeral):
        value = VALUES[letter]
        if at + 1 < len(numeral) and VALUES[numeral[at + 1]] >= value:
            total -= value
        else:
            total += value
    return total
''',
    "test_three: assert from_roman('III') == 3, got -1",
    """\
assert from_roman('III') == 3
assert from_roman('XXIX') == 29
assert from_roman('MCMXCIV') == 1994
assert from_roman('MMMCDXLIV') == 3444
""",
)

CACHE = Slip(
    "cache.py",
    '''\
"""A cache of limited size that forgets what was not used for longest."""


class Cache:
    """At most `size` values by their keys."""

    def __init__(self, size):
        self.size = size
        self.values = {}

    def get(self, key, default=None):
        """The value of `key`, which counts as used."""
        if key not in self.values:
            return default
        return self.values[key]

    def put(self, key, value):
        """Keep a value, and forget the one that was not used for longest where there are too many."""
        self.values.pop(key, None)
        self.values[key] = value
        if len(self.values) > self.size:
            oldest = next(iter(self.values))
            del self.values[oldest]

    def keys(self):
        """The keys, the one that was not used for longest first."""
        return list(self.values)
''',
    "test_use: put a, put b, get a, put c with size 2: assert keys() == ['a', 'c'], got ['b', 'c']",
    """\
cache = Cache(2)
cache.put('a', 1)
cache.put('b', 2)
assert cache.get('a') == 1
cache.put('c', 3)
assert cache.keys() == ['a', 'c']
assert cache.get('b', 9) == 9
cache.put('a', 5)
assert cache.keys() == ['c', 'a'] and cache.get('a') == 5
""",
)

RUNS = Slip(
    "runs.js",
    """\
'use strict';

/** The text with each run of a letter as its length and the letter: "aaab" is "3a1b". */
function encode(text) {
  let result = '';
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    count++;
    if (at + 1 < text.length && text[at] !== text[at + 1]) {
      result += count + text[at];
      count = 0;
    }
  }
  return result;
}

module.exports = { encode };
""",
    "test encode: expected encode('aaab') to be '3a1b', got '3a'",
    """\
const { strictEqual } = require('assert');
strictEqual(encode(''), '');
strictEqual(encode('aaab'), '3a1b');
strictEqual(encode('zz'), '2z');
strictEqual(encode('aaaaaaaaaaaab'), '12a1b');
""",
)

VERSIONS = Slip(
    "versions.js",
    """\
'use strict';

/** Below zero, zero or above zero, as version `a` is before, equal to or after `b`; "1.2" equals "1.2.0". */
function compare(a, b) {
  const left = a.split('.');
  const right = b.split('.');
  const length = Math.max(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const one = left[at] || '0';
    const two = right[at] || '0';
    if (one !== two) {
      return one < two ? -1 : 1;
    }
  }
  return 0;
}

module.exports = { compare };
""",
    "test numbers: expected compare('1.10', '1.9') to be 1, got -1",
    """\
const { strictEqual } = require('assert');
strictEqual(Math.sign(compare('1.10', '1.9')), 1);
strictEqual(Math.sign(compare('1.2', '1.2.0')), 0);
strictEqual(Math.sign(compare('0.9', '1')), -1);
strictEqual(Math.sign(compare('1.0.1', '1')), 1);
""",
)

SLIPS = (INTERVALS, RUNS, WRAP, VERSIONS, ROMAN, CACHE)
