import { describe, expect, it } from "vitest";

import { BLANK, filledIn, parseDraft } from "./draft";

describe("a draft", () => {
  it("comes back as it was kept, and blank from what is no draft", () => {
    const draft = { ...BLANK, prompt: "fix it", branch: "main", attempts: 3 };
    expect(parseDraft(JSON.stringify(draft))).toEqual(draft);
    for (const broken of [null, "", "{", "3", '"x"', '{"prompt":5,"attempts":99}']) {
      expect(parseDraft(broken)).toEqual(broken?.startsWith('{"') ? { ...BLANK, attempts: 8 } : BLANK);
    }
  });

  it("takes what a link says, and keeps the rest", () => {
    const draft = { ...BLANK, prompt: "old", environment: "shop", branch: "main", model: "m" };
    expect(filledIn(draft, { prompt: "new" })).toEqual({ ...draft, prompt: "new" });
    expect(filledIn(draft, { environment: "bank" })).toEqual({ ...draft, environment: "bank", branch: null });
    expect(filledIn(draft, { environment: "https://git.example/x.git", branch: "dev", attempts: 20 })).toEqual({
      ...draft,
      environment: null,
      repository: "https://git.example/x.git",
      branch: "dev",
      attempts: 8,
    });
  });
});
