import { expect, test } from "vitest";

import type { Environment, NetworkPolicy } from "@/api/types";

import { draftOf, environmentOf, wrongIn } from "./draft";

const OFF: NetworkPolicy = { access: "off", hosts: [], denied: [], indexes: false, methods: "all", private: [] };
const ENVIRONMENT: Environment = {
  name: "shop",
  repository: "https://git.example.org/shop.git",
  base: { image: null },
  setup: { script: "npm ci\nnpm run build", network: { ...OFF, access: "allow-list", hosts: ["a.example.com"], indexes: true } },
  maintenance: { script: "", network: OFF },
  attempt: { network: { ...OFF, methods: "read", private: ["10.0.0.1"], denied: ["b.example.com"] } },
  variables: { TZ: "UTC", EMPTY: "" },
  secrets: { KEY: { kind: "brokered", hosts: ["api.example.com"] }, TOKEN: { kind: "setup", hosts: [] } },
  checks: ["pytest -q", "ruff check ."],
  cache_hours: 12,
  limits: {
    steps: 100,
    seconds: 1800,
    tokens: 4_000_000,
    cost: null,
    command_seconds: 120,
    check_seconds: 600,
    test_seconds: 60,
    check_rounds: 3,
    output_bytes: 1,
    memory_bytes: 3_333_333_333,
    processes: 512,
    disk_bytes: 1,
    cpus: 1.5,
    open_files: 8192,
  },
};
const VIEW = { environment: ENVIRONMENT, repository: "https://git.example.org/shop.git", group: null };

test("what is not touched comes back as it was", () => {
  expect(environmentOf(draftOf(VIEW), ENVIRONMENT)).toEqual(ENVIRONMENT);
  expect(wrongIn(draftOf(VIEW))).toBeNull();
});

test("lines are lists, rows without a name are left out", () => {
  const draft = { ...draftOf(VIEW), checks: " make test \n\n", variables: [{ name: "", value: "x" }], memoryGb: "2", cpus: "" };
  const made = environmentOf(draft, ENVIRONMENT);
  expect(made.checks).toEqual(["make test"]);
  expect(made.variables).toEqual({});
  expect([made.limits.memory_bytes, made.limits.cpus, made.limits.steps]).toEqual([2 * 1024 ** 3, null, 100]);
});

test.each([
  ["repository", { repository: " " }],
  ["cacheHours", { cacheHours: "0" }],
  ["cacheHours", { cacheHours: "soon" }],
  ["memory", { memoryGb: "-1" }],
  ["cpus", { cpus: "two" }],
  ["names", { variables: [{ name: "A-B", value: "" }] }],
  ["names", { variables: [{ name: "KEY", value: "" }] }],
  ["hosts", { secrets: [{ name: "KEY", kind: "brokered" as const, hosts: "" }] }],
])("%s is seen to be wrong", (what, part) => {
  expect(wrongIn({ ...draftOf(VIEW), ...part })).toBe(what);
});
