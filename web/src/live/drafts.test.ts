import { describe, expect, it } from "vitest";

import { type DraftPiece, Drafts, legible } from "./drafts";

const piece = (own: Partial<DraftPiece>): DraftPiece => ({ attempt: "a1", since: 4, written: 1, fresh: false, reasoning: "", text: "", ...own });

function told(...pieces: DraftPiece[]): Drafts {
  const drafts = new Drafts();
  for (const each of pieces) drafts.take(each);
  return drafts;
}

describe("drafts", () => {
  it("grow piece by piece, each attempt's for itself", () => {
    const drafts = told(
      piece({ fresh: true, reasoning: "Hm", written: 2 }),
      piece({ text: "The ", written: 6 }),
      piece({ attempt: "a2", fresh: true, text: "Other", written: 5 }),
      piece({ text: "price", written: 11 }),
    );
    expect(drafts.get("a1")).toEqual({ since: 4, written: 11, reasoning: "Hm", text: "The price" });
    expect(drafts.get("a2")?.text).toBe("Other");
  });

  it("begin anew where the reply does", () => {
    expect(told(piece({ fresh: true, text: "cut off" }), piece({ fresh: true, text: "whole" })).get("a1")?.text).toBe("whole");
  });

  it("are gone with the reply, and what is told of them late changes nothing", () => {
    const drafts = told(piece({ fresh: true, text: "The price" }));
    drafts.over("a1", 5);
    drafts.take(piece({ text: " is", written: 12 }));
    expect(drafts.get("a1")).toBeNull();
    drafts.take(piece({ since: 7, fresh: true, text: "Next" }));
    expect(drafts.get("a1")?.text).toBe("Next");
  });

  it("vanish where the service says so", () => {
    expect(told(piece({ fresh: true, text: "The price" }), piece({ fresh: true, written: 0 })).get("a1")).toBeNull();
  });

  it("of calls alone have nothing to read", () => {
    expect([legible(told(piece({ fresh: true, written: 9 })).get("a1")), legible(told(piece({ fresh: true, reasoning: "Hm" })).get("a1")), legible(null)]).toEqual([false, true, false]);
  });
});
