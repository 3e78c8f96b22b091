import { describe, expect, it } from "vitest";

import { stretches } from "./ansi";

describe("a terminal's line", () => {
  it("keeps its colours and loses what moves the cursor", () => {
    expect(stretches("\u001b[32mok\u001b[0m plain \u001b[1;31mFAILED\u001b[0m\u001b[2K")).toEqual([
      { text: "ok", look: "ansi-2" },
      { text: " plain ", look: "" },
      { text: "FAILED", look: "ansi-1 font-bold" },
    ]);
  });

  it("passes over colours that it does not have, titles and links", () => {
    expect(stretches("\u001b]0;title\u0007\u001b[38;5;200mx\u001b[48;2;1;2;3my")).toEqual([
      { text: "x", look: "" },
      { text: "y", look: "" },
    ]);
  });
});
