import { useMemo, useState } from "react";

import type { DiffLine } from "@/api/types";

import { type Draft, dropComment, keyOf, saveComment, useComments } from "../comments";
import type { Finding, Widen } from "./Comment";
import { covers, type Lines, placeOf, shownLines, widened } from "./lines";
import { linesFound, linesOf, placed, type Remarks } from "./remarks";
import type { Row } from "./rows";
import { usePicking } from "./usePicking";

/** A remark that is being written. `key` is that of the one that it is to take the place of. */
export interface Writing {
  lines: Lines;
  text: string;
  key: string | null;
}

export interface Remarking {
  at: ReadonlyMap<string, Remarks>;
  /** What was found where no line is shown. */
  beside: readonly Finding[];
  markOf: (path: string, line: DiffLine) => "picked" | "remarked" | null;
  writingAt: (path: string, side: Lines["side"], number: number) => Writing | null;
  pick: (lines: Lines, more: boolean) => void;
  edit: (draft: Draft) => void;
  drop: (draft: Draft) => void;
  type: (text: string) => void;
  save: (text: string) => void;
  close: () => void;
  widen: (by: Widen) => (() => void) | null;
  /** Makes a comment of what was found; null where nobody could send it. */
  fix: ((finding: Finding) => void) | null;
  isFixed: (finding: Finding) => boolean;
}

const wordsOf = (finding: Finding): string => `${finding.title}\n\n${finding.body}`.trim();

/** Remarks on lines of a diff: those that are kept, the one that is being written, and what a review found. */
export function useRemarks(task: string, rows: readonly Row[], findings: readonly Finding[], maySend: boolean) {
  const drafts = useComments(task);
  const [writing, setWriting] = useState<Writing | null>(null);
  const shown = useMemo(() => shownLines(rows), [rows]);
  const { at, beside } = useMemo(() => placed(shown, drafts, findings), [shown, drafts, findings]);
  const keep = ({ lines, text, key }: Writing): void => {
    if (key !== null) dropComment(task, key);
    saveComment(task, { ...lines, text: text.trim() });
  };
  const picking = usePicking(rows, (lines) => {
    const held = drafts.find((draft) => draft.key === keyOf(lines));
    const further = writing !== null && [writing.lines.start, writing.lines.end].some((number) => covers(lines, writing.lines.path, writing.lines.side, number));
    if (further) {
      setWriting({ ...writing, lines });
      return;
    }
    // What was typed elsewhere is not lost.
    if (writing?.text.trim()) keep(writing);
    setWriting({ lines, text: held?.text ?? "", key: held?.key ?? null });
  });
  const place = writing ? placeOf(shown, writing.lines) : null;
  const picked = picking.lines ?? writing?.lines ?? null;
  const remarking: Remarking = {
    at,
    beside,
    markOf: (path, line) => {
      const on = (lines: Lines): boolean => covers(lines, path, lines.side, line[lines.side] ?? null);
      if (picked && on(picked)) return "picked";
      return drafts.some((draft) => on(linesOf(draft))) || findings.some((finding) => on(linesFound(finding))) ? "remarked" : null;
    },
    writingAt: (path, side, number) => (writing?.lines.path === path && writing.lines.side === side && place === number ? writing : null),
    pick: picking.press,
    edit: (draft) => {
      const lines = linesOf(draft);
      picking.begin({ ...lines, end: lines.start });
      setWriting({ lines, text: draft.text, key: draft.key });
    },
    drop: (draft) => dropComment(task, draft.key),
    type: (text) => setWriting((before) => (before ? { ...before, text } : null)),
    save: (text) => {
      if (writing) keep({ ...writing, text });
      setWriting(null);
    },
    close: () => setWriting(null),
    widen: (by) => {
      const next = writing ? widened(shown, writing.lines, by) : null;
      return next && (() => setWriting((before) => (before ? { ...before, lines: next } : null)));
    },
    fix: maySend
      ? (finding) => {
          const lines = linesFound(finding);
          const held = drafts.find((draft) => draft.key === keyOf(lines));
          saveComment(task, { ...lines, text: held ? `${held.text}\n\n${wordsOf(finding)}` : wordsOf(finding) });
        }
      : null,
    isFixed: (finding) => drafts.some((draft) => draft.key === keyOf(linesFound(finding)) && draft.text.includes(wordsOf(finding))),
  };
  return { remarking, picking };
}
