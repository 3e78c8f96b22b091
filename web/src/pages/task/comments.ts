import { useSyncExternalStore } from "react";

import type { LineComment } from "@/api/types";

/** Remarks on lines that were not sent yet, by task; kept in the browser, so that a reload loses none. */
export type Draft = LineComment & { key: string };

const KEY = "journeyman.comments.";
const held = new Map<string, readonly Draft[]>();
const listeners = new Set<() => void>();
const NONE: readonly Draft[] = [];

function read(task: string): readonly Draft[] {
  const known = held.get(task);
  if (known) return known;
  let found: readonly Draft[] = NONE;
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY + task) ?? "[]");
    if (Array.isArray(stored)) found = stored as Draft[];
  } catch {
    // What is stored is not ours, or storage is closed to this page: there are none.
  }
  held.set(task, found);
  return found;
}

function write(task: string, drafts: readonly Draft[]): void {
  held.set(task, drafts);
  try {
    if (drafts.length > 0) localStorage.setItem(KEY + task, JSON.stringify(drafts));
    else localStorage.removeItem(KEY + task);
  } catch {
    // Storage is closed to this page: they last as long as the page.
  }
  for (const listener of listeners) listener();
}

export const keyOf = (comment: Pick<LineComment, "path" | "side" | "start" | "end">): string =>
  `${comment.path} ${comment.side} ${comment.start}-${comment.end ?? comment.start}`;

export function saveComment(task: string, comment: LineComment): void {
  const key = keyOf(comment);
  write(task, [...read(task).filter((draft) => draft.key !== key), { ...comment, key }]);
}

export function dropComment(task: string, key: string): void {
  write(task, read(task).filter((draft) => draft.key !== key));
}

export function clearComments(task: string): void {
  write(task, NONE);
}

export function useComments(task: string): readonly Draft[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => read(task),
  );
}
