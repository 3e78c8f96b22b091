const SECTIONS = ["account", "tokens", "models", "forges", "schedules", "usage", "people", "quotas", "workers", "audit", "retention"] as const;
export type Section = (typeof SECTIONS)[number];

/** What only administrators see to. */
const ADMINISTRATION: ReadonlySet<Section> = new Set(["people", "quotas", "workers", "audit", "retention"]);

/** The settings that somebody has; without sign-in there is nobody to have an account. */
export function sectionsOf(administers: boolean, isSomebody: boolean): Section[] {
  return SECTIONS.filter((section) => (administers || !ADMINISTRATION.has(section)) && (isSomebody || !["account", "tokens"].includes(section)));
}

export const sectionOf = (name: string | undefined): Section | null => SECTIONS.find((each) => each === name) ?? null;
