import { type PointerEvent, useEffect, useRef, useState } from "react";

import { type Lines, numberOn, upTo } from "./lines";
import type { Row } from "./rows";

/** The line that an element belongs to. `side` is the one that was picked first: a drag does not leave it. */
function lineAt(element: Element | null, rows: readonly Row[], side?: Lines["side"]): Lines | null {
  const row = rows[Number(element?.closest("[data-index]")?.getAttribute("data-index") ?? -1)];
  const named = side ?? element?.closest("[data-side]")?.getAttribute("data-side");
  if (!row || (named !== "old" && named !== "new")) return null;
  const number = numberOn(row, named);
  return number === null ? null : { path: row.file.path, side: named, start: number, end: number };
}

/**
 * Picks lines of a diff: by a press on a line's number, a drag over several, or a press with Shift on the last of them.
 * `picked` is told at the end; `lines` are those of a drag that still goes on.
 */
export function usePicking(rows: readonly Row[], picked: (lines: Lines) => void) {
  const [lines, setLines] = useState<Lines | null>(null);
  const [first, setFirst] = useState<Lines | null>(null);
  const latest = useRef({ lines, picked });
  useEffect(() => {
    latest.current = { lines, picked };
  });
  const drags = lines !== null;
  useEffect(() => {
    if (!drags) return undefined;
    const done = (): void => {
      const { lines: found, picked: tell } = latest.current;
      setLines(null);
      if (found) tell(found);
    };
    const dropped = (): void => setLines(null);
    window.addEventListener("pointerup", done);
    window.addEventListener("pointercancel", dropped);
    return () => {
      window.removeEventListener("pointerup", done);
      window.removeEventListener("pointercancel", dropped);
    };
  }, [drags]);
  const pick = (line: Lines, more: boolean): Lines => {
    const from = more ? first : null;
    if (from?.path !== line.path || from.side !== line.side) setFirst(line);
    return upTo(from, line);
  };
  return {
    lines,
    /** The line that the next press with Shift goes on from. */
    begin: setFirst,
    /** A press by the keyboard, or by a program that reads the page aloud: there is no pointer that could drag. */
    press: (line: Lines, more: boolean) => picked(pick(line, more)),
    onPointerDown: (event: PointerEvent) => {
      const element = event.target as Element;
      if (event.button !== 0 || event.pointerType === "touch" || !element.closest("[data-pick]")) return;
      const line = lineAt(element, rows);
      if (line) setLines(pick(line, event.shiftKey));
    },
    /** A touch that was no scrolling. */
    onPointerUp: (event: PointerEvent) => {
      const element = event.target as Element;
      const line = event.pointerType === "touch" && element.closest("[data-pick]") ? lineAt(element, rows) : null;
      if (line) picked(pick(line, false));
    },
    onPointerMove: (event: PointerEvent) => {
      if (!lines || !first) return;
      const line = lineAt(event.target as Element, rows, first.side);
      const next = line ? upTo(first, line) : null;
      if (next?.path === first.path && (next.start !== lines.start || next.end !== lines.end)) setLines(next);
    },
  };
}
