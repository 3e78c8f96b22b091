import { describe, expect, it } from "vitest";

import type { Event, WorkEntry } from "@/api/types";

import { usage } from "./testing";
import { NOTHING, tally, withEarlier, withEvents, withHistory, type Work } from "./work";

let seq = 0;
const at = (): { seq: number; at: number } => ({ seq: ++seq, at: 100 + seq });
const replied = (text: string, ...calls: string[]): Event => ({
  kind: "replied",
  ...at(),
  seconds: 1,
  reply: {
    items: [
      { kind: "assistant", text, id: null },
      ...calls.map((call) => ({ kind: "tool_call" as const, call_id: call, name: "shell", arguments: "{}", freeform: false, id: null })),
    ],
    usage: usage({ output_tokens: 5 }),
    stop: "calls",
    model: "m",
  },
});
const started = (call: string): Event => ({
  kind: "tool_started",
  ...at(),
  call_id: call,
  name: "shell",
  summary: "ls",
  reads_only: false,
  again: false,
  command: { kind: "command", command: "ls" },
});
const returned = (call: string, own: Partial<Extract<Event, { kind: "tool_returned" }>> = {}): Event => ({
  kind: "tool_returned",
  ...at(),
  call_id: call,
  name: "shell",
  content: "out",
  is_error: false,
  freeform: false,
  checkpoint: null,
  checkpointed: true,
  detail: { kind: "command", command: "ls", exit_code: 0, chunk: "abc123", seconds: 1, output: "out", cut: null, session: null, notes: [] },
  ...own,
});
const said = (text: string): Event => ({ kind: "said", ...at(), why: "steer", checkpointed: true, item: { kind: "user", text, images: [] } });
const fold = (...events: Event[]): Work => withEvents(NOTHING, events);
const shape = (entries: WorkEntry[]): string[] =>
  entries.map((entry) =>
    entry.kind === "step"
      ? `${entry.number} ${entry.text} ${entry.calls.map((call) => `${call.call_id}:${call.status}`).join(",")}`
      : entry.kind === "said" || entry.kind === "note"
        ? `${entry.kind} ${entry.text}`
        : entry.kind,
  );

function session(): Event[] {
  seq = 0;
  return [
    replied("looking", "c1", "c2"),
    started("c1"),
    started("c2"),
    returned("c1"),
    returned("c2", { is_error: true }),
    said("mind the cents"),
    replied("fixing", "c3"),
    started("c3"),
  ];
}

const SHAPE = ["1 looking c1:completed,c2:failed", "said mind the cents", "2 fixing c3:running"];

describe("the work of an attempt", () => {
  it("is steps with their calls, and what was said between them", () => {
    const work = fold(...session());
    expect(shape(work.entries)).toEqual(SHAPE);
    expect(tally(work.entries)).toEqual({ steps: 2, commands: 2, edits: 0 });
  });

  it("is the same in whatever batches the events come, and however often", () => {
    const events = session();
    let piecewise = NOTHING;
    for (const event of events) piecewise = withEvents(withEvents(piecewise, [event]), events.slice(0, event.seq));
    expect(piecewise).toEqual(withEvents(NOTHING, events));
  });

  it("marks calls that had not returned when the work went on", () => {
    const after = fold(...session(), { kind: "resumed", ...at(), holder: "w2" }, replied("again"));
    expect(shape(after.entries)).toEqual([...SHAPE.slice(0, 2), "2 fixing c3:interrupted", "note Another process went on with the work.", "3 again "]);
  });

  it("keeps the plan as it was last told", () => {
    seq = 0;
    const plan = [{ step: "read", status: "completed" as const }];
    expect(fold(replied("plan", "p"), returned("p", { detail: { kind: "plan", explanation: "", plan } })).plan).toEqual(plan);
  });

  it("does not write into what was handed out before", () => {
    const before = fold(...session());
    const copy = structuredClone(before);
    withEvents(before, [returned("c3")]);
    expect(before).toEqual(copy);
  });
});

describe("history that was fetched", () => {
  it("and the stream that was joined meanwhile make one", () => {
    const events = session();
    const history = fold(...events.slice(0, 5)).entries.map((entry) => (entry.kind === "step" ? { ...entry, number: 41 } : entry));
    const joined = withHistory(fold(...events.slice(3)), history, []);
    expect(shape(joined.entries)).toEqual(["41 looking c1:completed,c2:failed", "said mind the cents", "42 fixing c3:running"]);
  });

  it("may be ahead of the stream: events go to the steps that they are of", () => {
    const events = session();
    const history = fold(...events, returned("c3")).entries;
    const joined = withEvents(withHistory(NOTHING, history, []), events.slice(2));
    expect(shape(joined.entries)).toEqual([...SHAPE.slice(0, 2), "2 fixing c3:running"]);
    expect(shape(withEvents(joined, [{ ...returned("c3"), seq: 9 }]).entries)).toEqual([...SHAPE.slice(0, 2), "2 fixing c3:completed"]);
  });

  it("takes the state of a step that is further on", () => {
    const events = session();
    const stale = fold(...events).entries;
    const told = fold(...events, returned("c3"));
    expect(shape(withHistory(told, stale, []).entries)).toEqual([...SHAPE.slice(0, 2), "2 fixing c3:completed"]);
  });

  it("grows at its front without doubling", () => {
    const { entries } = fold(...session());
    expect(shape(withEarlier({ ...NOTHING, entries: entries.slice(1) }, entries).entries)).toEqual(SHAPE);
  });

  it("of fifty thousand events folds in batches without copying it for each of them", () => {
    seq = 0;
    const events: Event[] = [];
    for (let step = 0; step < 12_500; step += 1) events.push(replied("s", `c${step}`), started(`c${step}`), returned(`c${step}`), said("on"));
    let work = NOTHING;
    for (let index = 0; index < events.length; index += 1000) work = withEvents(work, events.slice(index, index + 1000));
    expect(work.entries).toHaveLength(25_000);
    expect(work.commands).toBe(12_500);
  });
});

it("what becomes of a pull request is told in the service's words", () => {
  seq = 0;
  const told = (kind: "github" | "gitlab", state: "draft" | "open" | "merged", checks: "none" | "running" | "failed"): Event => ({
    kind: "pull_request",
    ...at(),
    person: null,
    pull_request: { forge: "f", kind, repository: "ada/shop", number: 12, url: "https://f/12", title: "It", branch: "b", base: "main", state, checks, at: 1 },
  });
  const entries = fold(told("github", "draft", "none"), told("github", "open", "running"), told("gitlab", "merged", "failed")).entries;
  expect(entries.map((entry) => (entry.kind === "note" ? entry.text : entry.kind))).toEqual([
    "The pull request 12 of ada/shop is a draft.",
    "The pull request 12 of ada/shop is open; its checks run.",
    "The merge request 12 of ada/shop is merged; its checks fail.",
  ]);
});
