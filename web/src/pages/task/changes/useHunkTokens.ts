import { useEffect, useRef, useState } from "react";

import type { DiffLine, FileDiff } from "@/api/types";
import { highlight, languageOf, type Token } from "@/parts/highlight";

/** The colours of each line, by file, hunk and line. */
export type Colours = ReadonlyMap<string, readonly Token[][]>;

const NONE: Colours = new Map();

/** A file with everything around its changes; null where it is not to be had. */
export type WholeOf = (path: string) => Promise<FileDiff | null>;

type Lines = readonly DiffLine[];

/** The two sides of some lines, coloured apart, since each is a text of its own; null where they stay plain. */
async function painted(lines: Lines, language: string): Promise<Token[][] | null> {
  const tokens: Token[][] = lines.map((line) => [{ text: line.text, kind: "" }]);
  for (const other of ["+", "-"]) {
    const side = lines.flatMap((line, index) => (line.kind === other ? [] : [{ index, text: line.text }]));
    const found = await highlight(side.map((line) => line.text).join("\n"), language);
    if (!found) return null;
    found.forEach((line, position) => {
      const target = side[position];
      if (target) tokens[target.index] = line;
    });
  }
  return tokens;
}

const placeOf = (line: DiffLine): string => (line.kind === "-" ? `-${line.old}` : `+${line.new}`);

/** A hunk that begins in the middle of a file may begin in the middle of a text or a comment: only the whole tells. */
const cutOut = (file: FileDiff): boolean => file.hunks.some((hunk) => hunk.lines[0] !== undefined && (hunk.lines[0].new ?? hunk.lines[0].old ?? 1) > 1);

async function coloursOf(file: FileDiff, language: string, wholeOf: WholeOf | null): Promise<(Token[][] | null)[]> {
  const whole = wholeOf && cutOut(file) ? await wholeOf(file.path).catch(() => null) : null;
  const lines = whole?.hunks.flatMap((hunk) => hunk.lines) ?? [];
  const tokens = lines.length > 0 ? await painted(lines, language) : null;
  const known = new Map(lines.map((line, index) => [placeOf(line), tokens?.[index]]));
  return Promise.all(
    file.hunks.map(async (hunk) => {
      const from = hunk.lines.map((line) => known.get(placeOf(line)));
      return from.every((line) => line !== undefined) ? from : painted(hunk.lines, language);
    }),
  );
}

/** Colours the files that are wanted, one after the other. */
export function useHunkTokens(files: readonly FileDiff[], wanted: ReadonlySet<string>, wholeOf: WholeOf | null): Colours {
  const [colours, setColours] = useState<Colours>(NONE);
  const done = useRef(new WeakSet<FileDiff>());
  useEffect(() => {
    let current = true;
    const run = async (): Promise<void> => {
      for (const file of files) {
        const language = wanted.has(file.path) && !done.current.has(file) ? languageOf(file.path) : null;
        if (language === null) continue;
        const found = await coloursOf(file, language, wholeOf);
        if (!current) return;
        done.current.add(file);
        setColours((held) => {
          const after = new Map(held);
          found.forEach((tokens, number) => (tokens ? after.set(`${file.path} ${number}`, tokens) : after.delete(`${file.path} ${number}`)));
          return after;
        });
      }
    };
    void run();
    return () => {
      current = false;
    };
  }, [files, wanted, wholeOf]);
  return colours;
}
