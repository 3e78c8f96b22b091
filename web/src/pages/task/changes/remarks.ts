import type { Draft } from "../comments";
import type { Finding } from "./Comment";
import { type Lines, placeOf, type ShownLines } from "./lines";

export interface Remarks {
  drafts: Draft[];
  findings: Finding[];
}

export const linesOf = (draft: Draft): Lines => ({ path: draft.path, side: draft.side, start: draft.start, end: draft.end ?? draft.start });

/** A review speaks of the files as they are after the change. */
export const linesFound = (finding: Finding): Lines => ({ path: finding.path, side: "new", start: finding.start, end: finding.end });

export const placeKey = (path: string, side: Lines["side"], number: number): string => `${side} ${number} ${path}`;

/** What is remarked below each shown line, and what a review found where nothing is shown. */
export function placed(shown: ShownLines, drafts: readonly Draft[], findings: readonly Finding[]): { at: ReadonlyMap<string, Remarks>; beside: Finding[] } {
  const at = new Map<string, Remarks>();
  const beside: Finding[] = [];
  const there = (lines: Lines): Remarks | null => {
    const number = placeOf(shown, lines);
    if (number === null) return null;
    const key = placeKey(lines.path, lines.side, number);
    const known = at.get(key) ?? { drafts: [], findings: [] };
    at.set(key, known);
    return known;
  };
  for (const draft of drafts) there(linesOf(draft))?.drafts.push(draft);
  for (const finding of findings) (there(linesFound(finding))?.findings ?? beside).push(finding);
  return { at, beside };
}
