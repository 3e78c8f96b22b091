import { describe, expect, it } from "vitest";

import { pieces } from "./cited";

describe("pointers in an answer", () => {
  it("stand where they were written, in both forms", () => {
    expect(pieces("Guarded 【F:src/core.py†L8-L11】 and run【9c41d2†L3】.", 4)).toEqual([
      { kind: "text", text: "Guarded " },
      { kind: "pointer", index: 4, pointer: { kind: "file", target: "src/core.py", start: 8, end: 11 } },
      { kind: "text", text: " and run" },
      { kind: "pointer", index: 5, pointer: { kind: "terminal", target: "9c41d2", start: 3, end: 3 } },
      { kind: "text", text: "." },
    ]);
  });

  it("are text where they are not whole", () => {
    for (const text of ["【F:a.py】", "【F:a.py†8】", "【F:a\n.py†L8】", "no brackets"]) {
      expect(pieces(text, 0)).toEqual([{ kind: "text", text }]);
    }
  });
});
