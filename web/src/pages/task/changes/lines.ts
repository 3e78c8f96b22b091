import type { Row } from "./rows";

/** Lines (inclusive) of a file, before ("old") or after ("new") the change, that a remark is on. */
export interface Lines {
  path: string;
  side: "old" | "new";
  start: number;
  end: number;
}

type Side = Lines["side"];

/** The number that a row's line has on a side; null where it has none there. */
export function numberOn(row: Row, side: Side): number | null {
  if (row.kind === "line") return row.line[side] ?? null;
  if (row.kind === "pair") return (side === "old" ? row.left : row.right)?.line[side] ?? null;
  return null;
}

/** The lines from one that was picked first to another one: on the same side of the same file, else the other alone. */
export function upTo(first: Lines | null, last: Lines): Lines {
  if (first?.path !== last.path || first.side !== last.side) return last;
  return { ...last, start: Math.min(first.start, last.start), end: Math.max(first.end, last.end) };
}

export function covers(lines: Lines, path: string, side: Side, number: number | null): boolean {
  return number !== null && lines.path === path && lines.side === side && lines.start <= number && number <= lines.end;
}

/** Which lines of each file are shown on each side, in their order. */
export type ShownLines = ReadonlyMap<string, readonly number[]>;

const sideOf = (path: string, side: Side): string => `${side} ${path}`;

export function shownLines(rows: readonly Row[]): ShownLines {
  const shown = new Map<string, number[]>();
  for (const row of rows) {
    for (const side of ["old", "new"] as const) {
      const number = numberOn(row, side);
      if (number === null) continue;
      const name = sideOf(row.file.path, side);
      const known = shown.get(name);
      if (known) known.push(number);
      else shown.set(name, [number]);
    }
  }
  return shown;
}

/** The last of the lines that is shown, below which a remark on them stands; null where none of them is. */
export function placeOf(shown: ShownLines, { path, side, start, end }: Lines): number | null {
  return shown.get(sideOf(path, side))?.findLast((number) => start <= number && number <= end) ?? null;
}

/** The lines with one more or one less at an end, of those that are shown; null where there is none. */
export function widened(shown: ShownLines, lines: Lines, by: "above" | "below" | "less"): Lines | null {
  const numbers = shown.get(sideOf(lines.path, lines.side)) ?? [];
  if (by === "above") {
    const start = numbers.findLast((number) => number < lines.start);
    return start === undefined ? null : { ...lines, start };
  }
  if (by === "below") {
    const end = numbers.find((number) => number > lines.end);
    return end === undefined ? null : { ...lines, end };
  }
  const end = numbers.findLast((number) => number < lines.end && number >= lines.start);
  return end === undefined ? null : { ...lines, end };
}

export function lineWords({ start, end }: { start: number; end?: number | null | undefined }): string {
  return end && end > start ? `${start}–${end}` : String(start);
}
