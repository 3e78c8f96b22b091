import type { DiffLine, FileDiff, Hunk } from "@/api/types";

/** Lines from `from` to `to` (inclusive), by their numbers before the change. */
export interface Range {
  from: number;
  to: number;
}

/** What a person has opened around the changes of a file: all its lines (of a very long one the first), and which of
 * them are shown. */
export interface Opened {
  lines: readonly DiffLine[];
  clipped: boolean;
  ranges: readonly Range[];
}

/** Lines that one press opens. */
export const STRETCH = 20;

export const EVERYTHING: Range = { from: 1, to: Number.MAX_SAFE_INTEGER };

/** The part of a gap that is next to the lines above it, or below it. */
export function stretch(gap: Range, next: "above" | "below"): Range {
  return next === "above" ? { from: gap.from, to: Math.min(gap.to, gap.from + STRETCH - 1) } : { from: Math.max(gap.from, gap.to - STRETCH + 1), to: gap.to };
}

/** The file with what was opened as further lines of its hunks; hunks that meet are one. */
export function expanded(file: FileDiff, opened: Opened | undefined): FileDiff {
  if (!opened || opened.ranges.length === 0) return file;
  const shown = [...opened.ranges, ...file.hunks.map((hunk) => ({ from: hunk.old_start, to: hunk.old_start + hunk.old_lines - 1 }))];
  const isShown = (line: DiffLine): boolean =>
    line.kind !== " " || shown.some(({ from, to }) => line.old !== null && line.old !== undefined && line.old >= from && line.old <= to);
  const hunks: Hunk[] = [];
  let run: DiffLine[] = [];
  let before = { old: 0, new: 0 };
  let start = before;
  const close = (): void => {
    if (run.length > 0) hunks.push(hunkOf(run, start, file));
    run = [];
  };
  for (const line of opened.lines) {
    if (isShown(line)) {
      if (run.length === 0) start = before;
      run.push(line);
    } else close();
    before = { old: line.old ?? before.old, new: line.new ?? before.new };
  }
  close();
  if (!opened.clipped) return { ...file, hunks };
  return { ...file, hunks: [...hunks, ...file.hunks.filter((hunk) => hunk.old_start > before.old)] };
}

function hunkOf(lines: DiffLine[], before: { old: number; new: number }, file: FileDiff): Hunk {
  const old = lines.filter((line) => line.kind !== "+").length;
  const now = lines.filter((line) => line.kind !== "-").length;
  const first = before.old + 1;
  // Git counts the start of no lines from the line before.
  const known = file.hunks.find((hunk) => hunk.old_start === (old > 0 ? first : before.old));
  return {
    old_start: old > 0 ? first : before.old,
    old_lines: old,
    new_start: now > 0 ? before.new + 1 : before.new,
    new_lines: now,
    heading: known?.heading ?? "",
    lines,
  };
}

/** Lines around each change, as the service has them without being asked for more. */
const CONTEXT = 3;

/** The number (before the change) of the file's last line; null where it is not known. */
export function lastLine(file: FileDiff, opened: Opened | undefined): number | null {
  if (opened && !opened.clipped) return opened.lines.findLast((line) => line.kind !== "+")?.old ?? 0;
  const hunk = file.hunks.at(-1);
  if (file.kind !== "update" || !hunk) return 0;
  const after = hunk.lines.length - 1 - hunk.lines.findLastIndex((line) => line.kind !== " ");
  return after < CONTEXT ? hunk.old_start + hunk.old_lines - 1 : null;
}
