import { useCallback, useState } from "react";

import type { FileDiff } from "@/api/types";

const KEY = "journeyman.viewed.";

/** A mark holds for the change as it was looked at; once the file changes further, it is unseen again. */
function print(file: FileDiff): string {
  let hash = 5381;
  for (const hunk of file.hunks) {
    for (const line of hunk.lines) {
      if (line.kind === " ") continue;
      for (let index = 0; index < line.text.length; index += 1) hash = (hash * 33 + line.text.charCodeAt(index)) | 0;
      hash = (hash * 33 + line.kind.charCodeAt(0)) | 0;
    }
  }
  return `${file.kind} ${file.added} ${file.removed} ${hash}`;
}

function read(task: string): Record<string, string> {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY + task) ?? "{}");
    return typeof stored === "object" && stored !== null ? (stored as Record<string, string>) : {};
  } catch {
    return {};
  }
}

export function useViewed(task: string) {
  const [marks, setMarks] = useState(() => read(task));
  const has = useCallback((file: FileDiff) => marks[file.path] === print(file), [marks]);
  const mark = (file: FileDiff, seen: boolean): void => {
    const next = Object.fromEntries(Object.entries(marks).filter(([path]) => path !== file.path));
    if (seen) next[file.path] = print(file);
    setMarks(next);
    try {
      localStorage.setItem(KEY + task, JSON.stringify(next));
    } catch {
      // Storage is closed to this page: the marks last as long as the page.
    }
  };
  return { has, mark };
}
