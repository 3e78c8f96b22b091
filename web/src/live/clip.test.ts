import { expect, it } from "vitest";

import { clip } from "./clip";

it("a text that fits is left as it is, counted by whole characters", () => {
  expect(clip("abc", 3)).toBe("abc");
  expect(clip("😀".repeat(30), 30)).toBe("😀".repeat(30));
});

it("of a longer one the head and the tail are kept, and no character is cut in two", () => {
  const clipped = clip("😀".repeat(100) + "z", 60);
  expect(clipped).toBe(`${"😀".repeat(18)}\n… 41 characters cut …\n${"😀".repeat(18)}z`);
  expect(Array.from(clipped)).toHaveLength(60);
});
