export const TABS = ["changes", "checks", "terminal", "files", "details"] as const;

/** What stands in the address of a task's page: what is looked at, so that a link shows it to somebody else. */
export interface TaskSearch {
  tab?: (typeof TABS)[number] | undefined;
  /** "turn.number" of an attempt. */
  attempt?: string | undefined;
  /** A file in Changes or Files, or a chunk in Terminal, with the lines that are meant. */
  at?: string | undefined;
  from?: number | undefined;
  to?: number | undefined;
}

const whole = (value: unknown): number | undefined => {
  const number = Number(value);
  return Number.isInteger(number) && number > 0 ? number : undefined;
};

export function parseTaskSearch(search: Record<string, unknown>): TaskSearch {
  const attempt = search["attempt"];
  const parsed: TaskSearch = {
    tab: TABS.find((tab) => tab === search["tab"]),
    attempt: typeof attempt === "string" || typeof attempt === "number" ? String(attempt) : undefined,
    at: typeof search["at"] === "string" || typeof search["at"] === "number" ? String(search["at"]) : undefined,
    from: whole(search["from"]),
    to: whole(search["to"]),
  };
  return Object.fromEntries(Object.entries(parsed).filter(([, value]) => value !== undefined));
}

/** Which turn's attempts are compared, and the two whose changes are held against each other. */
export interface AttemptsSearch {
  turn?: number | undefined;
  left?: string | undefined;
  right?: string | undefined;
}

const name = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "number" ? String(value) : undefined;

export function parseAttemptsSearch(search: Record<string, unknown>): AttemptsSearch {
  const parsed: AttemptsSearch = { turn: whole(search["turn"]), left: name(search["left"]), right: name(search["right"]) };
  return Object.fromEntries(Object.entries(parsed).filter(([, value]) => value !== undefined));
}
