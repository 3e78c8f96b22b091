import { expect, test } from "vitest";

import type { UsageLine } from "@/api/types";

import { ceiling, daysOf, REST, seriesOf, spanOf } from "./series";

const line = (day: string, model: string, tokens: number): UsageLine => ({ day, model, attempts: 1, tokens, cost: tokens / 1000, seconds: 1 });

test("every day of the span is there, also those without work", () => {
  const lines = [line("2026-02-27", "a", 10), line("2026-03-01", "b", 30), line("2026-03-01", "a", 5)];
  expect(daysOf(lines, "model", "tokens", "2026-02-27", "2026-03-02")).toEqual([
    { day: "2026-02-27", total: 10, parts: [{ key: "a", value: 10 }] },
    { day: "2026-02-28", total: 0, parts: [] },
    {
      day: "2026-03-01",
      total: 35,
      parts: [
        { key: "b", value: 30 },
        { key: "a", value: 5 },
      ],
    },
  ]);
});

test("many values are the largest and the rest, and nothing is lost", () => {
  const lines = Array.from({ length: 9 }, (_, index) => line("2026-01-01", `m${index}`, 10 * (index + 1)));
  const series = seriesOf(lines, "model", "tokens");
  expect(series.map((each) => each.key)).toEqual(["m8", "m7", "m6", "m5", "m4", REST]);
  expect(series.reduce((sum, each) => sum + each.total, 0)).toBe(450);
  expect(daysOf(lines, "model", "tokens", "2026-01-01", "2026-01-02")[0]?.total).toBe(450);
});

test("a span ends before its last day, over the end of a month", () => {
  expect(spanOf("2028-02-28", "2028-03-01")).toEqual(["2028-02-28", "2028-02-29"]);
  expect(spanOf("2026-01-01", "2026-01-01")).toEqual([]);
});

test.each([
  [0, 1],
  [0.0034, 0.004],
  [1, 1],
  [1.01, 2],
  [47, 50],
  [501, 600],
])("an axis over %d ends at %d", (value, end) => {
  expect(ceiling(value)).toBeCloseTo(end, 12);
});
