import type { Environment, EnvironmentView, NetworkPolicy } from "@/api/types";

/** An environment as it stands in the form: lists are lines, tables are rows, numbers are what was typed. */
export interface Draft {
  repository: string;
  group: string;
  image: string;
  setup: Phase;
  maintenance: Phase;
  attempt: PolicyDraft;
  variables: { name: string; value: string }[];
  secrets: { name: string; kind: "setup" | "brokered"; hosts: string }[];
  checks: string;
  cacheHours: string;
  memoryGb: string;
  cpus: string;
}

export interface Phase {
  script: string;
  network: PolicyDraft;
}

export interface PolicyDraft {
  access: NetworkPolicy["access"];
  hosts: string;
  denied: string;
  private: string;
  indexes: boolean;
  readOnly: boolean;
}

const GB = 1024 ** 3;

export const linesOf = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);

const policy = (network: NetworkPolicy): PolicyDraft => ({
  access: network.access,
  hosts: network.hosts.join("\n"),
  denied: network.denied.join("\n"),
  private: network.private.join("\n"),
  indexes: network.indexes,
  readOnly: network.methods === "read",
});

const network = (draft: PolicyDraft): NetworkPolicy => ({
  access: draft.access,
  hosts: linesOf(draft.hosts),
  denied: linesOf(draft.denied),
  private: linesOf(draft.private),
  indexes: draft.indexes,
  methods: draft.readOnly ? "read" : "all",
});

export function draftOf({ environment, repository, group }: Pick<EnvironmentView, "environment" | "repository" | "group">): Draft {
  return {
    repository: repository ?? "",
    group: group ?? "",
    image: environment.base.image ?? "",
    setup: { script: environment.setup.script, network: policy(environment.setup.network) },
    maintenance: { script: environment.maintenance.script, network: policy(environment.maintenance.network) },
    attempt: policy(environment.attempt.network),
    variables: Object.entries(environment.variables ?? {}).map(([name, value]) => ({ name, value })),
    secrets: Object.entries(environment.secrets ?? {}).map(([name, { kind, hosts }]) => ({ name, kind, hosts: hosts.join("\n") })),
    checks: environment.checks.join("\n"),
    cacheHours: String(environment.cache_hours),
    memoryGb: String(Number((environment.limits.memory_bytes / GB).toFixed(2))),
    cpus: environment.limits.cpus ? String(environment.limits.cpus) : "",
  };
}

/** What the form says, on top of what it does not show. */
export function environmentOf(draft: Draft, before: Environment): Environment {
  const memory = Number(draft.memoryGb);
  const unchanged = draft.memoryGb === String(Number((before.limits.memory_bytes / GB).toFixed(2)));
  return {
    ...before,
    repository: draft.repository.trim() || null,
    base: { image: draft.image.trim() || null },
    setup: { script: draft.setup.script, network: network(draft.setup.network) },
    maintenance: { script: draft.maintenance.script, network: network(draft.maintenance.network) },
    attempt: { network: network(draft.attempt) },
    variables: Object.fromEntries(draft.variables.filter((row) => row.name.trim()).map((row) => [row.name.trim(), row.value])),
    secrets: Object.fromEntries(
      draft.secrets
        .filter((row) => row.name.trim())
        .map((row) => [row.name.trim(), { kind: row.kind, hosts: row.kind === "brokered" ? linesOf(row.hosts) : [] }]),
    ),
    checks: linesOf(draft.checks),
    cache_hours: Number(draft.cacheHours),
    limits: {
      ...before.limits,
      memory_bytes: unchanged || !(memory > 0) ? before.limits.memory_bytes : Math.round(memory * GB),
      cpus: draft.cpus.trim() ? Number(draft.cpus) : null,
    },
  };
}

/** The name of what is not right, null where all is. */
export function wrongIn(draft: Draft): "repository" | "cacheHours" | "memory" | "cpus" | "names" | "hosts" | null {
  const positive = (text: string): boolean => Number(text) > 0 && Number.isFinite(Number(text));
  if (!draft.repository.trim()) return "repository";
  if (!positive(draft.cacheHours) || Number(draft.cacheHours) > 720) return "cacheHours";
  if (!positive(draft.memoryGb)) return "memory";
  if (draft.cpus.trim() && !positive(draft.cpus)) return "cpus";
  const names = [...draft.variables, ...draft.secrets].map((row) => row.name.trim()).filter(Boolean);
  if (new Set(names).size < names.length || names.some((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))) return "names";
  if (draft.secrets.some((row) => row.name.trim() && row.kind === "brokered" && linesOf(row.hosts).length === 0)) return "hosts";
  return null;
}
