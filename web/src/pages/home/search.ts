import type { TaskLine } from "@/api/types";

import type { DeepLink } from "./draft";

export const STATUSES = ["running", "queued", "interrupted", "done", "failed", "cancelled"] as const;
export const VERDICTS = ["verified", "unverified", "failing", "unchanged", "answered"] as const;
const TABS = ["tasks", "reviews", "archived"] as const;
const MODES = ["ask", "code", "review"] as const;
const SORTS = ["updated", "created"] as const;

/** What stands in the address: the prompt box's deep link, and what the list shows. */
export interface HomeSearch extends DeepLink {
  tab?: (typeof TABS)[number] | undefined;
  q?: string | undefined;
  status?: TaskLine["status"] | undefined;
  verdict?: NonNullable<TaskLine["verdict"]> | undefined;
  unread?: boolean | undefined;
  mine?: boolean | undefined;
  sort?: (typeof SORTS)[number] | undefined;
}

function oneOf<T extends string>(values: readonly T[], value: unknown): T | undefined {
  return values.find((each) => each === value);
}

const words = (value: unknown): string | undefined =>
  typeof value === "string" && value ? value : typeof value === "number" ? String(value) : undefined;

/** An address is written by anybody: what it does not say rightly is left out. */
export function parseHomeSearch(search: Record<string, unknown>): HomeSearch {
  const attempts = Number(search["attempts"]);
  const parsed: HomeSearch = {
    prompt: words(search["prompt"]),
    environment: words(search["environment"]),
    branch: words(search["branch"]),
    model: words(search["model"]),
    attempts: Number.isInteger(attempts) && attempts > 0 ? attempts : undefined,
    mode: oneOf(MODES, search["mode"]),
    tab: oneOf(TABS, search["tab"]),
    q: words(search["q"]),
    status: oneOf(STATUSES, search["status"]),
    verdict: oneOf(VERDICTS, search["verdict"]),
    unread: search["unread"] === true ? true : undefined,
    mine: search["mine"] === true ? true : undefined,
    sort: oneOf(SORTS, search["sort"]),
  };
  return Object.fromEntries(Object.entries(parsed).filter(([, value]) => value !== undefined));
}
