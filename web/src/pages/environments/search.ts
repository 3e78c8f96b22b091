export const TABS = ["state", "edit", "network", "secrets"] as const;
export type Tab = (typeof TABS)[number];

export interface EnvironmentSearch {
  tab?: Exclude<Tab, "state">;
}

export function parseEnvironmentSearch(raw: Record<string, unknown>): EnvironmentSearch {
  const tab = TABS.find((each) => each === raw["tab"]);
  return tab && tab !== "state" ? { tab } : {};
}
