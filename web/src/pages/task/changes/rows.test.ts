import { describe, expect, it } from "vitest";

import type { DiffLine, FileDiff } from "@/api/types";

import { changedSpans, rowsOf } from "./rows";

function lines(text: string, oldStart: number, newStart: number): DiffLine[] {
  let old = oldStart;
  let now = newStart;
  return text.split("\n").map((raw) => {
    const kind = raw[0] as DiffLine["kind"];
    return {
      kind,
      old: kind === "+" ? null : old++,
      new: kind === "-" ? null : now++,
      text: raw.slice(1),
      no_newline: false,
    };
  });
}

const file = (text: string, own: Partial<FileDiff> = {}): FileDiff => ({
  path: "a.py",
  kind: "update",
  binary: false,
  added: 1,
  removed: 1,
  clipped: false,
  hunks: [{ old_start: 5, old_lines: 3, new_start: 5, new_lines: 3, heading: "def f():", lines: lines(text, 5, 5) }],
  ...own,
});

const shape = (files: FileDiff[], view: "unified" | "split"): string[] =>
  rowsOf(files, view, new Set()).map((row) => {
    if (row.kind === "line") return `${row.line.kind}${row.line.text}`;
    if (row.kind === "pair") return `${row.left?.line.text ?? ""}|${row.right?.line.text ?? ""}`;
    if (row.kind === "hunk") return `@ ${row.hidden ?? "?"}`;
    return row.kind === "note" ? row.note : row.kind;
  });

describe("the rows of a diff", () => {
  it("are the lines in their order, with what is hidden before them", () => {
    expect(shape([file(" a\n-b\n+c\n d")], "unified")).toEqual(["file", "@ 4", " a", "-b", "+c", " d"]);
  });

  it("stand beside each other where they take each other's place", () => {
    expect(shape([file(" a\n-b\n-c\n+d\n e\n+f")], "split")).toEqual(["file", "@ 4", "a|a", "b|d", "c|", "e|e", "|f"]);
    expect(shape([file("+a\n+b")], "split")).toEqual(["file", "@ 4", "|a", "|b"]);
  });

  it("say what cannot be shown", () => {
    expect(shape([file("", { binary: true })], "unified")).toEqual(["file", "binary"]);
    expect(shape([file("", { hunks: [], old_mode: "100644", new_mode: "100755" })], "unified")).toEqual(["file", "mode"]);
    expect(shape([file(" a", { clipped: true })], "unified").at(-1)).toBe("clipped");
  });

  it("are the heading alone of a folded file", () => {
    expect(rowsOf([file(" a")], "unified", new Set(["a.py"])).map((row) => row.kind)).toEqual(["file"]);
  });
});

describe("what changed within a line", () => {
  it("is what the two have not in common at their ends", () => {
    expect(changedSpans("total = a + b", "total = a - b")).toEqual([
      { start: 10, end: 11 },
      { start: 10, end: 11 },
    ]);
    expect(changedSpans("return x", "return x or y")).toEqual([
      { start: 8, end: 8 },
      { start: 8, end: 13 },
    ]);
  });

  it("is not looked for in lines that are not alike", () => {
    expect(changedSpans("import os", "class Shop:")).toBeNull();
  });
});
