import type { DiffLine, FileDiff } from "@/api/types";

import type { Range } from "./expanded";

/** A line of a diff, or two beside each other. `left` is before the change, `right` after it. */
export type Row =
  | { kind: "file"; key: string; file: FileDiff; index: number }
  /** Lines that are not shown, by their numbers before the change: `gap.to` is far beyond the end where that is unknown. */
  | { kind: "hunk"; key: string; file: FileDiff; gap: Range; hidden: number | null; heading: string; place: "first" | "between" | "last" }
  | { kind: "line"; key: string; file: FileDiff; hunk: number; index: number; line: DiffLine; changed: Span | null }
  | { kind: "pair"; key: string; file: FileDiff; hunk: number; left: Side | null; right: Side | null }
  | { kind: "note"; key: string; file: FileDiff; note: "binary" | "clipped" | "empty" | "mode" };

export interface Side {
  index: number;
  line: DiffLine;
  changed: Span | null;
}

/** Where in a line the change is, by its characters. */
export interface Span {
  start: number;
  end: number;
}

export type View = "unified" | "split";

/** What differs between two lines that take each other's place: all but the ends they have in common. */
export function changedSpans(before: string, after: string): [Span, Span] | null {
  let start = 0;
  const shorter = Math.min(before.length, after.length);
  while (start < shorter && before[start] === after[start]) start += 1;
  let tail = 0;
  while (tail < shorter - start && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  const common = start + tail;
  // Lines with little in common are two lines, not one that was changed.
  if (common < 3 || common * 3 < shorter) return null;
  return [
    { start, end: before.length - tail },
    { start, end: after.length - tail },
  ];
}

/** The lines of a hunk that were taken out and those that came in their place, by their index. */
function blocks(lines: readonly DiffLine[]): { removed: number[]; added: number[] }[] {
  const found: { removed: number[]; added: number[] }[] = [];
  let block: { removed: number[]; added: number[] } | null = null;
  lines.forEach((line, index) => {
    if (line.kind === " ") {
      block = null;
      return;
    }
    if (!block || (line.kind === "-" && block.added.length > 0)) {
      block = { removed: [], added: [] };
      found.push(block);
    }
    (line.kind === "-" ? block.removed : block.added).push(index);
  });
  return found;
}

function spansOf(lines: readonly DiffLine[]): Map<number, Span> {
  const spans = new Map<number, Span>();
  for (const { removed, added } of blocks(lines)) {
    if (removed.length !== added.length) continue;
    removed.forEach((from, position) => {
      const to = added[position];
      const before = lines[from];
      const after = to === undefined ? undefined : lines[to];
      if (to === undefined || !before || !after) return;
      const pair = changedSpans(before.text, after.text);
      if (pair) {
        spans.set(from, pair[0]);
        spans.set(to, pair[1]);
      }
    });
  }
  return spans;
}

const nameOf = (path: string, line: DiffLine): string => `${path} ${line.old ?? ""}:${line.new ?? ""}`;

function fileRows(file: FileDiff, view: View, end: number | null): Row[] {
  const rows: Row[] = [];
  const { path } = file;
  if (file.binary) return [{ kind: "note", key: `${path} binary`, file, note: "binary" }];
  if (file.hunks.length === 0) {
    return [{ kind: "note", key: `${path} empty`, file, note: file.old_mode && file.new_mode && file.old_mode !== file.new_mode ? "mode" : "empty" }];
  }
  let shown = 0;
  file.hunks.forEach((hunk, number) => {
    // A hunk without old lines stands behind the line that it counts from.
    const first = hunk.old_lines > 0 ? hunk.old_start : hunk.old_start + 1;
    const gap = { from: shown + 1, to: first - 1 };
    const hidden = Math.max(0, gap.to - shown);
    if (hidden > 0) rows.push({ kind: "hunk", key: `${path} @${gap.to}`, file, gap, hidden, heading: hunk.heading, place: number > 0 ? "between" : "first" });
    shown = first + hunk.old_lines - 1;
    const spans = spansOf(hunk.lines);
    const side = (index: number): Side | null => {
      const line = hunk.lines[index];
      return line ? { index, line, changed: spans.get(index) ?? null } : null;
    };
    if (view === "unified") {
      hunk.lines.forEach((line, index) =>
        rows.push({ kind: "line", key: nameOf(path, line), file, hunk: number, index, line, changed: spans.get(index) ?? null }),
      );
      return;
    }
    const inBlock = new Map<number, { removed: number[]; added: number[] }>();
    for (const block of blocks(hunk.lines)) inBlock.set(Math.min(...block.removed, ...block.added), block);
    for (let index = 0; index < hunk.lines.length; ) {
      const block = inBlock.get(index);
      if (!block) {
        const both = side(index);
        if (both) rows.push({ kind: "pair", key: nameOf(path, both.line), file, hunk: number, left: both, right: both });
        index += 1;
        continue;
      }
      const height = Math.max(block.removed.length, block.added.length);
      for (let position = 0; position < height; position += 1) {
        const from = block.removed[position];
        const to = block.added[position];
        const left = from === undefined ? null : side(from);
        const right = to === undefined ? null : side(to);
        rows.push({ kind: "pair", key: `${path} ${left?.line.old ?? ""}|${right?.line.new ?? ""}`, file, hunk: number, left, right });
      }
      index += block.removed.length + block.added.length;
    }
  });
  if (end === null || end > shown) {
    const gap = { from: shown + 1, to: end ?? Number.MAX_SAFE_INTEGER };
    rows.push({ kind: "hunk", key: `${path} @end`, file, gap, hidden: end === null ? null : end - shown, heading: "", place: "last" });
  }
  if (file.clipped) rows.push({ kind: "note", key: `${path} clipped`, file, note: "clipped" });
  return rows;
}

/** All files below each other; of those that are folded only the heading. `ends` are the files' last lines (before the
 * change), null where that is not known: what is behind the last change is shown as hidden, then. */
export function rowsOf(files: readonly FileDiff[], view: View, folded: ReadonlySet<string>, ends?: ReadonlyMap<string, number | null>): Row[] {
  return files.flatMap((file, index): Row[] => [
    { kind: "file", key: file.path, file, index },
    ...(folded.has(file.path) ? [] : fileRows(file, view, ends?.has(file.path) ? (ends.get(file.path) ?? null) : 0)),
  ]);
}
