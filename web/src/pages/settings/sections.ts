export const SECTIONS = ["account", "tokens", "models", "schedules", "usage", "people", "quotas", "workers", "audit", "retention"] as const;
export type Section = (typeof SECTIONS)[number];

/** What only administrators see to. */
export const ADMINISTRATION: ReadonlySet<Section> = new Set(["people", "quotas", "workers", "audit", "retention"]);

export const sectionOf = (name: string | undefined): Section | null => SECTIONS.find((each) => each === name) ?? null;
