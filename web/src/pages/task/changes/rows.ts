import type { DiffLine, FileDiff } from "@/api/types";

/** A line of a diff, or two beside each other. `left` is before the change, `right` after it. */
export type Row =
  | { kind: "file"; key: string; file: FileDiff; index: number }
  | { kind: "hunk"; key: string; file: FileDiff; hunk: number; hidden: number; heading: string }
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

function fileRows(file: FileDiff, view: View): Row[] {
  const rows: Row[] = [];
  const { path } = file;
  if (file.binary) return [{ kind: "note", key: `${path} binary`, file, note: "binary" }];
  if (file.hunks.length === 0) {
    return [{ kind: "note", key: `${path} empty`, file, note: file.old_mode && file.new_mode && file.old_mode !== file.new_mode ? "mode" : "empty" }];
  }
  let shown = 0;
  file.hunks.forEach((hunk, number) => {
    const hidden = Math.max(0, hunk.old_start - 1 - shown);
    if (hidden > 0 || number > 0) rows.push({ kind: "hunk", key: `${path} @${number}`, file, hunk: number, hidden, heading: hunk.heading });
    shown = hunk.old_start + hunk.old_lines - 1;
    const spans = spansOf(hunk.lines);
    const side = (index: number): Side | null => {
      const line = hunk.lines[index];
      return line ? { index, line, changed: spans.get(index) ?? null } : null;
    };
    if (view === "unified") {
      hunk.lines.forEach((line, index) =>
        rows.push({ kind: "line", key: `${path} ${number}.${index}`, file, hunk: number, index, line, changed: spans.get(index) ?? null }),
      );
      return;
    }
    const inBlock = new Map<number, { removed: number[]; added: number[] }>();
    for (const block of blocks(hunk.lines)) inBlock.set(Math.min(...block.removed, ...block.added), block);
    for (let index = 0; index < hunk.lines.length; ) {
      const block = inBlock.get(index);
      if (!block) {
        rows.push({ kind: "pair", key: `${path} ${number}.${index}`, file, hunk: number, left: side(index), right: side(index) });
        index += 1;
        continue;
      }
      const height = Math.max(block.removed.length, block.added.length);
      for (let position = 0; position < height; position += 1) {
        const from = block.removed[position];
        const to = block.added[position];
        rows.push({
          kind: "pair",
          key: `${path} ${number}.${index}+${position}`,
          file,
          hunk: number,
          left: from === undefined ? null : side(from),
          right: to === undefined ? null : side(to),
        });
      }
      index += block.removed.length + block.added.length;
    }
  });
  if (file.clipped) rows.push({ kind: "note", key: `${path} clipped`, file, note: "clipped" });
  return rows;
}

/** All files below each other; of those that are folded only the heading. */
export function rowsOf(files: readonly FileDiff[], view: View, folded: ReadonlySet<string>): Row[] {
  return files.flatMap((file, index): Row[] => [
    { kind: "file", key: file.path, file, index },
    ...(folded.has(file.path) ? [] : fileRows(file, view)),
  ]);
}
