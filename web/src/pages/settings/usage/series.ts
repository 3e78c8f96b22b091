import type { UsageLine } from "@/api/types";

export type Measure = "cost" | "tokens" | "attempts" | "seconds";
export type Split = "outcome" | "person" | "group" | "model";

/** Values that have a colour of their own; the rest are put together. */
export const MOST = 6;
export const REST = "\u0000rest";

export interface Series {
  key: string;
  total: number;
}

export interface Day {
  day: string;
  total: number;
  /** In the order of the series, as far as they are not nothing. */
  parts: { key: string; value: number }[];
}

const keyOf = (line: UsageLine, split: Split): string => line[split] ?? "";

/** The values of a split, the largest first. */
export function seriesOf(lines: UsageLine[], split: Split, measure: Measure): Series[] {
  const totals = new Map<string, number>();
  for (const line of lines) totals.set(keyOf(line, split), (totals.get(keyOf(line, split)) ?? 0) + line[measure]);
  const sorted = [...totals].map(([key, total]) => ({ key, total })).sort((a, b) => b.total - a.total || a.key.localeCompare(b.key));
  if (sorted.length <= MOST) return sorted;
  const rest = sorted.slice(MOST - 1).reduce((sum, each) => sum + each.total, 0);
  return [...sorted.slice(0, MOST - 1), { key: REST, total: rest }];
}

/** Every day of a span, also those on which nothing was used; `until` is the day after the last. */
export function daysOf(lines: UsageLine[], split: Split, measure: Measure, since: string, until: string): Day[] {
  const series = seriesOf(lines, split, measure).map((each) => each.key);
  const known = new Set(series);
  const byDay = new Map<string, Map<string, number>>();
  for (const line of lines) {
    const parts = byDay.get(line.day ?? "") ?? new Map<string, number>();
    const key = known.has(keyOf(line, split)) ? keyOf(line, split) : REST;
    parts.set(key, (parts.get(key) ?? 0) + line[measure]);
    byDay.set(line.day ?? "", parts);
  }
  return spanOf(since, until).map((day) => {
    const parts = series.flatMap((key) => {
      const value = byDay.get(day)?.get(key) ?? 0;
      return value > 0 ? [{ key, value }] : [];
    });
    return { day, parts, total: parts.reduce((sum, part) => sum + part.value, 0) };
  });
}

export function spanOf(since: string, until: string): string[] {
  const days: string[] = [];
  for (let at = Date.parse(since); at < Date.parse(until); at += 86_400_000) days.push(new Date(at).toISOString().slice(0, 10));
  return days;
}

/** The next round number that is no less than the value: where an axis ends. */
export function ceiling(value: number): number {
  if (!(value > 0)) return 1;
  const scale = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 3, 4, 5, 6, 8, 10].find((each) => each * scale >= value * (1 - 1e-9)) ?? 10;
  return step * scale;
}
