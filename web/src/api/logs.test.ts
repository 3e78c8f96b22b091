import { describe, expect, it } from "vitest";

import type { DraftPiece } from "@/live/drafts";
import type { Message } from "@/live/stream";
import { usage } from "@/live/testing";

import { TaskLogs } from "./logs";

const draft = (own: Partial<DraftPiece>): Message => ({
  event: "draft",
  id: null,
  data: JSON.stringify({ attempt: "a1", since: 2, written: 5, fresh: false, reasoning: "", text: "", ...own }),
});
const replied = (place: number, text: string): Message => ({
  event: "event",
  id: String(place),
  data: JSON.stringify({
    place,
    attempt: "a1",
    event: { kind: "replied", seq: place, at: 1, seconds: 1, reply: { items: [{ kind: "assistant", text, id: null }], usage: usage(), stop: "end", model: "m" } },
  }),
});

/** Logs, and at each time that they tell of a change what is read of the attempt. */
function told(): { logs: TaskLogs; seen: string[]; versions: number[] } {
  const logs = new TaskLogs("t1", { onTask: () => undefined, onWork: () => undefined, onGone: () => undefined });
  const seen: string[] = [];
  const versions: number[] = [];
  logs.subscribe(() => {
    const steps = logs.get("a1").entries.map((entry) => (entry.kind === "step" ? entry.text : entry.kind));
    seen.push([...steps, logs.draftOf("a1") ? `${logs.draftOf("a1")?.text}…` : ""].filter(Boolean).join(" | "));
    versions.push(logs.version());
  });
  return { logs, seen, versions };
}

describe("what is being written", () => {
  it("grows without the list of pieces being made anew", () => {
    const { logs, seen, versions } = told();
    logs.take([draft({ fresh: true, text: "The" })]);
    logs.take([draft({ text: " price" }), draft({ text: " is" })]);
    expect(seen).toEqual(["The…", "The price is…"]);
    expect(new Set(versions).size).toBe(1);
  });

  it("is replaced by the reply at once: at no time are both there, or none", () => {
    const { logs, seen } = told();
    logs.take([draft({ fresh: true, text: "Whole" })]);
    logs.take([replied(3, "Whole.")]);
    logs.take([draft({ text: " stale" })]);
    logs.take([draft({ since: 3, fresh: true, text: "Next" })]);
    logs.take([draft({ since: 3, text: " one" }), replied(4, "Next one.")]);
    expect(seen).toEqual(["Whole…", "Whole.", "Whole.", "Whole. | Next…", "Whole. | Next one."]);
  });

  it("begins anew with each connection", () => {
    const { logs, seen } = told();
    logs.take([draft({ fresh: true, text: "The" })]);
    logs.reopened();
    logs.take([draft({ fresh: true, text: "The price" })]);
    expect(seen).toEqual(["The…", "", "The price…"]);
  });
});
