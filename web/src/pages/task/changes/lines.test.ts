import { describe, expect, it } from "vitest";

import type { DiffLine, FileDiff } from "@/api/types";

import { type Lines, lineWords, placeOf, shownLines, upTo, widened } from "./lines";
import { placed } from "./remarks";
import { rowsOf } from "./rows";

const line = (kind: DiffLine["kind"], old: number | null, now: number | null): DiffLine => ({ kind, old, new: now, text: "x", no_newline: false });

/** Lines 10 to 13 of a file, of which 11 was replaced by two, and 40. */
const FILE: FileDiff = {
  path: "a.py",
  kind: "update",
  binary: false,
  added: 2,
  removed: 1,
  clipped: false,
  hunks: [
    { old_start: 10, old_lines: 3, new_start: 10, new_lines: 4, heading: "", lines: [line(" ", 10, 10), line("-", 11, null), line("+", null, 11), line("+", null, 12), line(" ", 12, 13)] },
    { old_start: 39, old_lines: 1, new_start: 40, new_lines: 1, heading: "", lines: [line(" ", 39, 40)] },
  ],
};
const at = (start: number, end = start, side: Lines["side"] = "new"): Lines => ({ path: "a.py", side, start, end });

describe.each(["unified", "split"] as const)("lines of a diff, %s", (view) => {
  const shown = shownLines(rowsOf([FILE], view, new Set()));

  it("are picked from the first to the last, in either direction", () => {
    expect(upTo(at(11), at(13))).toEqual(at(11, 13));
    expect(upTo(at(13), at(11))).toEqual(at(11, 13));
  });

  it("are not picked across sides or files", () => {
    expect(upTo(at(11, 11, "old"), at(13))).toEqual(at(13));
    expect(upTo(null, at(13))).toEqual(at(13));
    expect(upTo({ ...at(11), path: "b.py" }, at(13))).toEqual(at(13));
  });

  it("have a remark below the last of them that is shown", () => {
    expect(placeOf(shown, at(11, 12))).toBe(12);
    expect(placeOf(shown, at(13, 30))).toBe(13);
    expect(placeOf(shown, at(11, 12, "old"))).toBe(12);
    expect(placeOf(shown, at(20, 30))).toBeNull();
  });

  it("grow and shrink by the lines that are shown", () => {
    expect(widened(shown, at(11), "above")).toEqual(at(10, 11));
    expect(widened(shown, at(11, 13), "below")).toEqual(at(11, 40));
    expect(widened(shown, at(11, 40), "less")).toEqual(at(11, 13));
    expect(widened(shown, at(10), "above")).toBeNull();
    expect(widened(shown, at(11), "less")).toBeNull();
  });

  it("hold what a review found, and say what is found elsewhere", () => {
    const found = (path: string, start: number, end: number) => ({ title: "t", body: "", priority: 1, confidence: null, path, start, end, outside: false });
    const { at: places, beside } = placed(shown, [{ ...at(11, 13), text: "mine", key: "k" }], [found("a.py", 12, 20), found("a.py", 90, 91), found("b.py", 1, 1)]);
    expect(places.get("new 13 a.py")).toEqual({ drafts: [expect.objectContaining({ text: "mine" })], findings: [found("a.py", 12, 20)] });
    expect(beside).toEqual([found("a.py", 90, 91), found("b.py", 1, 1)]);
  });
});

it("lines are named by their first and last", () => {
  expect([lineWords({ start: 3 }), lineWords({ start: 3, end: 3 }), lineWords({ start: 3, end: 5 })]).toEqual(["3", "3", "3–5"]);
});
