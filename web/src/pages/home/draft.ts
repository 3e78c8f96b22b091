import { useCallback, useState } from "react";

import type { TaskLine } from "@/api/types";

type Mode = TaskLine["mode"];

/** What a person is about to send. Kept in the browser, so that a reload or a failure loses no word. */
export interface Draft {
  prompt: string;
  /** The name of a stored environment, or null. */
  environment: string | null;
  /** An address or a folder, where no environment is chosen. */
  repository: string | null;
  branch: string | null;
  model: string | null;
  attempts: number;
}

/** What a link fills in: `?prompt=&environment=&branch=&mode=`. */
export interface DeepLink {
  prompt?: string | undefined;
  environment?: string | undefined;
  branch?: string | undefined;
  model?: string | undefined;
  attempts?: number | undefined;
  mode?: Mode | undefined;
}

const KEY = "journeyman.draft";
export const BLANK: Draft = { prompt: "", environment: null, repository: null, branch: null, model: null, attempts: 1 };

const text = (value: unknown): string | null => (typeof value === "string" && value ? value : null);

export function parseDraft(stored: string | null): Draft {
  if (!stored) return BLANK;
  let value: unknown;
  try {
    value = JSON.parse(stored);
  } catch {
    return BLANK;
  }
  if (typeof value !== "object" || value === null) return BLANK;
  const held = value as Record<string, unknown>;
  const attempts = typeof held["attempts"] === "number" ? Math.round(held["attempts"]) : 1;
  return {
    prompt: text(held["prompt"]) ?? "",
    environment: text(held["environment"]),
    repository: text(held["repository"]),
    branch: text(held["branch"]),
    model: text(held["model"]),
    attempts: Math.min(8, Math.max(1, attempts)),
  };
}

/** A link's words take the place of the draft's; of an environment it also clears the branch, which was another's. */
export function filledIn(draft: Draft, link: DeepLink): Draft {
  const isPlace = link.environment !== undefined && /[/\\:]/.test(link.environment);
  const place =
    link.environment === undefined
      ? {}
      : { environment: isPlace ? null : link.environment, repository: isPlace ? link.environment : null, branch: null };
  return {
    ...draft,
    ...place,
    prompt: link.prompt ?? draft.prompt,
    branch: link.branch ?? (link.environment === undefined ? draft.branch : null),
    model: link.model ?? draft.model,
    attempts: link.attempts === undefined ? draft.attempts : Math.min(8, Math.max(1, Math.round(link.attempts))),
  };
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** What changes of a draft; as a function of what it is by then where several changes may come before it is shown. */
export type DraftChange = Partial<Draft> | ((before: Draft) => Partial<Draft>);

/** The draft with what somebody said behind what there is. */
export function spokenInto(draft: Draft, words: string): Partial<Draft> {
  return { prompt: `${draft.prompt}${draft.prompt && !/\s$/.test(draft.prompt) ? " " : ""}${words}` };
}

export function useDraft(link: DeepLink): [Draft, (change: DraftChange) => void] {
  const [draft, setDraft] = useState(() => filledIn(parseDraft(stored()), link));
  const change = useCallback((part: DraftChange) => {
    setDraft((before) => {
      const after = { ...before, ...(typeof part === "function" ? part(before) : part) };
      try {
        localStorage.setItem(KEY, JSON.stringify(after));
      } catch {
        // Storage is closed to this page: the draft lasts as long as the page.
      }
      return after;
    });
  }, []);
  return [draft, change];
}
