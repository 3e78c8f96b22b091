import { describe, expect, it } from "vitest";

import type { DiffLine, FileDiff } from "@/api/types";

import { EVERYTHING, expanded, lastLine, type Range, stretch } from "./expanded";
import { rowsOf } from "./rows";

/** Sixty lines, of which the 20th is another now and one came in behind the 50th. */
const ALL: DiffLine[] = [];
for (let old = 1, now = 1; old <= 60; old += 1) {
  if (old === 20) {
    ALL.push({ kind: "-", old, new: null, text: "was", no_newline: false }, { kind: "+", old: null, new: now, text: "is", no_newline: false });
  } else ALL.push({ kind: " ", old, new: now, text: `line ${old}`, no_newline: false });
  now += 1;
  if (old === 50) {
    ALL.push({ kind: "+", old: null, new: now, text: "in", no_newline: false });
    now += 1;
  }
}
const part = (from: number, to: number) => {
  const first = ALL.findIndex((line) => line.old === from);
  return ALL.slice(first, ALL.findIndex((line) => line.old === to) + 1);
};
const FILE: FileDiff = {
  path: "a.py",
  kind: "update",
  binary: false,
  added: 2,
  removed: 1,
  clipped: false,
  hunks: [
    { old_start: 17, old_lines: 7, new_start: 17, new_lines: 7, heading: "def f():", lines: part(17, 23) },
    { old_start: 48, old_lines: 6, new_start: 48, new_lines: 7, heading: "def g():", lines: part(48, 53) },
  ],
};
const opened = (...ranges: Range[]) => ({ lines: ALL, clipped: false, ranges });

const gaps = (file: FileDiff, end: number | null): string[] =>
  rowsOf([file], "unified", new Set(), new Map([["a.py", end]])).flatMap((row) => (row.kind === "hunk" ? [`${row.place} ${row.gap.from}-${row.hidden === null ? "?" : row.gap.to} ${row.heading}`.trim()] : []));

describe("what is opened around changes", () => {
  it("is nothing at first, and how much there is behind the last change is not known", () => {
    expect(expanded(FILE, undefined)).toBe(FILE);
    expect(lastLine(FILE, undefined)).toBeNull();
    expect(gaps(FILE, null)).toEqual(["first 1-16 def f():", "between 24-47 def g():", "last 54-?"]);
  });

  it("grows the hunk that it is next to", () => {
    const below = expanded(FILE, opened(stretch({ from: 24, to: 47 }, "above")));
    expect(below.hunks.map((hunk) => [hunk.old_start, hunk.old_lines, hunk.new_start, hunk.new_lines, hunk.heading])).toEqual([
      [17, 27, 17, 27, "def f():"],
      [48, 6, 48, 7, "def g():"],
    ]);
    expect(gaps(below, lastLine(FILE, opened()))).toEqual(["first 1-16 def f():", "between 44-47 def g():", "last 54-60"]);
    const above = expanded(FILE, opened(stretch({ from: 24, to: 47 }, "below")));
    expect(above.hunks.map((hunk) => [hunk.old_start, hunk.lines.length])).toEqual([
      [17, 8],
      [28, 27],
    ]);
  });

  it("makes one hunk of two that meet", () => {
    const met = expanded(FILE, opened({ from: 24, to: 47 }));
    expect(met.hunks).toHaveLength(1);
    expect(met.hunks[0]?.lines.map((line) => line.text)).toEqual(part(17, 53).map((line) => line.text));
  });

  it("may be the whole file, and leaves the lines as they are", () => {
    const whole = expanded(FILE, opened(EVERYTHING));
    expect(whole.hunks.flatMap((hunk) => hunk.lines)).toEqual(ALL);
    expect(gaps(whole, lastLine(FILE, opened(EVERYTHING)))).toEqual([]);
  });

  it("keeps changes that lie behind what could be read of a very long file", () => {
    const some = { lines: ALL.slice(0, 30), clipped: true, ranges: [{ from: 1, to: 16 }] };
    expect(expanded(FILE, some).hunks.map((hunk) => hunk.old_start)).toEqual([1, 48]);
    expect(lastLine(FILE, some)).toBeNull();
  });
});

describe("the end of a file", () => {
  it("is known where fewer lines than usual come after the last change", () => {
    const short = { ...FILE, hunks: FILE.hunks.slice(1).map((hunk) => ({ ...hunk, lines: part(48, 52), old_lines: 5, new_lines: 6 })) };
    expect(lastLine(short, undefined)).toBe(52);
    expect(lastLine({ ...FILE, kind: "add" }, undefined)).toBe(0);
  });
});
