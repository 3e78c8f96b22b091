import { describe, expect, it } from "vitest";

import type { NumberedEvent, StepView } from "@/api/schema";

import { usage } from "./testing";
import { NOTHING, tally, withEarlier, withEvents, withHistory, type Work } from "./work";

type Event = NumberedEvent["event"];

let seq = 0;
const at = (): { seq: number; at: number } => ({ seq: ++seq, at: 100 + seq });
const replied = (text: string): Event => ({
  kind: "replied",
  ...at(),
  seconds: 1,
  reply: { items: [{ kind: "assistant", text, id: null }], usage: usage({ output_tokens: 5 }), stop: "calls", model: "m" },
});
const started = (call: string, command: string): Event => ({
  kind: "tool_started",
  ...at(),
  call_id: call,
  name: "shell",
  summary: command,
  reads_only: false,
  again: false,
  command: { kind: "command", command },
});
const returned = (call: string, exit: number, own: Partial<Extract<Event, { kind: "tool_returned" }>> = {}): Event => ({
  kind: "tool_returned",
  ...at(),
  call_id: call,
  name: "shell",
  content: "out",
  is_error: false,
  freeform: false,
  checkpoint: null,
  checkpointed: true,
  detail: { kind: "command", command: "pytest", exit_code: exit, chunk: "abc123", seconds: 1, output: "out", cut: null, session: null, notes: [] },
  ...own,
});
const said = (text: string): Event => ({ kind: "said", ...at(), why: "steer", item: { kind: "user", text } });
const fold = (...events: Event[]): Work => withEvents(NOTHING, events);
const shape = (work: Work): string[] =>
  work.steps.map((step) => `${step.number} ${step.said.map((each) => each.text).join()}|${step.text}|${step.calls.map((call) => `${call.call_id}:${call.status}`).join()}`);

function session(): Event[] {
  seq = 0;
  return [
    replied("looking"),
    started("c1", "ls"),
    started("c2", "pytest"),
    returned("c1", 0),
    returned("c2", 1),
    said("mind the cents"),
    replied("fixing"),
    started("c3", "sed"),
  ];
}

describe("the work of an attempt", () => {
  it("is steps with their calls; what a person said stands before the step that answers it", () => {
    const work = fold(...session());
    expect(shape(work)).toEqual(["1 |looking|c1:completed,c2:failed", "2 mind the cents|fixing|c3:running"]);
    expect(tally(work.steps)).toEqual({ commands: 2, edits: 0, failed: 1 });
  });

  it("is the same in whatever batches the events come, and however often", () => {
    const events = session();
    const whole = withEvents(NOTHING, events);
    let piecewise = NOTHING;
    for (const event of events) piecewise = withEvents(withEvents(piecewise, [event]), events.slice(0, event.seq));
    expect(piecewise).toEqual(whole);
  });

  it("marks what ran when the attempt was taken over, until its outcome is known", () => {
    const events = session();
    const after = withEvents(fold(...events), [{ kind: "resumed", ...at(), holder: "w2" }]);
    expect(after.steps[1]?.calls[0]?.status).toBe("interrupted");
    const again = withEvents(after, [started("c3", "sed"), returned("c3", 0)]);
    expect(again.steps[1]?.calls[0]?.status).toBe("completed");
  });

  it("keeps the plan as it was last told", () => {
    seq = 0;
    const plan = [{ step: "read", status: "completed" as const }];
    const work = fold(replied("plan"), returned("p", 0, { name: "plan", detail: { kind: "plan", explanation: "", plan } }));
    expect(work.plan).toEqual(plan);
  });

  it("does not write into what was handed out before", () => {
    const events = session();
    const before = fold(...events);
    const copy = structuredClone(before);
    withEvents(before, [returned("c3", 0)]);
    expect(before).toEqual(copy);
  });
});

describe("history that was fetched", () => {
  it("and the stream that was joined meanwhile make one", () => {
    const events = session();
    const history: StepView[] = fold(...events.slice(0, 5)).steps.map((step) => ({ ...step, number: step.number + 40 }));
    const joined = withHistory(fold(...events.slice(3)), history, []);
    expect(shape(joined)).toEqual(["41 |looking|c1:completed,c2:failed", "42 mind the cents|fixing|c3:running"]);
  });

  it("may be ahead of the stream: events go to the steps that they are of", () => {
    const events = session();
    const history = fold(...events, returned("c3", 0)).steps;
    const joined = withEvents(withHistory(NOTHING, history, []), events.slice(2));
    expect(shape(joined)).toEqual(["1 |looking|c1:completed,c2:failed", "2 mind the cents|fixing|c3:completed"]);
    expect(joined.said).toEqual([]);
  });

  it("takes the state of a step that is further on", () => {
    const events = session();
    const stale = fold(...events).steps;
    const told = fold(...events, returned("c3", 0));
    expect(withHistory(told, stale, []).steps[1]?.calls[0]?.status).toBe("completed");
  });

  it("grows at its front without doubling", () => {
    const steps = fold(...session()).steps;
    const late: Work = { ...NOTHING, steps: steps.slice(1) };
    expect(withEarlier(late, steps).steps.map((step) => step.number)).toEqual([1, 2]);
  });

  it("of fifty thousand events folds in batches without copying it for each of them", () => {
    seq = 0;
    const events: Event[] = [];
    for (let step = 0; step < 12_500; step += 1) events.push(replied("s"), started(`c${step}`, "ls"), returned(`c${step}`, 0), said("on"));
    let work = NOTHING;
    for (let index = 0; index < events.length; index += 1000) work = withEvents(work, events.slice(index, index + 1000));
    expect(work.steps).toHaveLength(12_500);
    expect(work.commands).toBe(12_500);
  });
});
