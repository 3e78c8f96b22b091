import { useEffect, useState } from "react";

import type { FileDiff } from "@/api/types";
import { highlight, languageOf, type Token } from "@/parts/highlight";

/** The colours of each line, by file, hunk and line. */
export type Colours = ReadonlyMap<string, readonly Token[][]>;

const NONE: Colours = new Map();

/** Colours the hunks of the files one after the other; the two sides of a hunk apart, since each is a text of its own. */
export function useHunkTokens(files: readonly FileDiff[], wanted: ReadonlySet<string>): Colours {
  const [colours, setColours] = useState<Colours>(NONE);
  useEffect(() => {
    let current = true;
    const run = async (): Promise<void> => {
      for (const file of files) {
        const language = wanted.has(file.path) ? languageOf(file.path) : null;
        if (language === null) continue;
        for (const [number, hunk] of file.hunks.entries()) {
          const before = hunk.lines.flatMap((line, index) => (line.kind === "+" ? [] : [{ index, text: line.text }]));
          const after = hunk.lines.flatMap((line, index) => (line.kind === "-" ? [] : [{ index, text: line.text }]));
          const tokens: Token[][] = hunk.lines.map((line) => [{ text: line.text, kind: "" }]);
          for (const side of [before, after]) {
            const painted = await highlight(side.map((line) => line.text).join("\n"), language);
            painted?.forEach((line, position) => {
              const target = side[position];
              if (target) tokens[target.index] = line;
            });
          }
          if (!current) return;
          setColours((held) => new Map(held).set(`${file.path} ${number}`, tokens));
        }
      }
    };
    void run();
    return () => {
      current = false;
    };
  }, [files, wanted]);
  return colours;
}
