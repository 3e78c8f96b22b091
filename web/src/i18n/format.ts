import { language } from "./index";

/** Numbers, money, sizes and times as the chosen language writes them. */

const cache = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>();

function kept<T extends Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>(key: string, make: () => T): T {
  const full = `${language()}:${key}`;
  const known = cache.get(full) as T | undefined;
  if (known) return known;
  const made = make();
  cache.set(full, made);
  return made;
}

export function number(value: number): string {
  return kept("number", () => new Intl.NumberFormat(language())).format(value);
}

/** 12,345 as "12K": for tokens and counts where the magnitude is what matters. */
export function compact(value: number): string {
  return kept(
    "compact",
    () => new Intl.NumberFormat(language(), { notation: "compact", maximumFractionDigits: 1 }),
  ).format(value);
}

/** US dollars; fractions of a cent are kept where they are all there is. */
export function money(value: number | null | undefined): string {
  if (value === null || value === undefined) return "—";
  const digits = value === 0 ? 0 : value < 0.01 ? 4 : value < 1 ? 3 : 2;
  return kept(
    `money${digits}`,
    () =>
      new Intl.NumberFormat(language(), {
        style: "currency",
        currency: "USD",
        currencyDisplay: "narrowSymbol",
        minimumFractionDigits: Math.min(digits, 2),
        maximumFractionDigits: digits,
      }),
  ).format(value);
}

export function bytes(value: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;
  let index = 0;
  let scaled = value;
  while (scaled >= 1000 && index < units.length - 1) {
    scaled /= 1000;
    index += 1;
  }
  const unit = units[index] ?? "byte";
  return kept(
    `bytes${unit}${scaled < 10 ? 1 : 0}`,
    () =>
      new Intl.NumberFormat(language(), {
        style: "unit",
        unit,
        unitDisplay: unit === "byte" ? "long" : "short",
        maximumFractionDigits: scaled < 10 && index > 0 ? 1 : 0,
      }),
  ).format(scaled);
}

/** A stretch of seconds: "40 ms", "1.4 s", "42 s", "4 min 10 s", "2 h 5 min". */
export function duration(seconds: number): string {
  const part = (value: number, unit: "millisecond" | "second" | "minute" | "hour", digits = 0): string =>
    kept(
      `duration${unit}${digits}`,
      () => new Intl.NumberFormat(language(), { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: digits }),
    ).format(value);
  if (seconds > 0 && seconds < 0.95) return part(Math.max(1, Math.round(seconds * 1000)), "millisecond");
  if (seconds < 10) return part(seconds, "second", 1);
  if (seconds < 60) return part(Math.round(seconds), "second");
  const whole = Math.round(seconds);
  if (whole < 3600) {
    const rest = whole % 60;
    return rest ? `${part(Math.floor(whole / 60), "minute")} ${part(rest, "second")}` : part(whole / 60, "minute");
  }
  const minutes = Math.floor((whole % 3600) / 60);
  const hours = part(Math.floor(whole / 3600), "hour");
  return minutes ? `${hours} ${part(minutes, "minute")}` : hours;
}

/** "3 minutes ago", from seconds since the epoch. */
export function ago(at: number, now: number): string {
  const format = kept("ago", () => new Intl.RelativeTimeFormat(language(), { numeric: "auto", style: "short" }));
  const passed = at - now;
  const size = Math.abs(passed);
  if (size < 45) return format.format(0, "second");
  if (size < 3600) return format.format(Math.round(passed / 60), "minute");
  if (size < 86_400) return format.format(Math.round(passed / 3600), "hour");
  if (size < 86_400 * 14) return format.format(Math.round(passed / 86_400), "day");
  return date(at);
}

export function date(at: number): string {
  return kept("date", () => new Intl.DateTimeFormat(language(), { year: "numeric", month: "short", day: "numeric" })).format(
    at * 1000,
  );
}

export function moment(at: number): string {
  return kept("moment", () => new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeStyle: "medium" })).format(
    at * 1000,
  );
}

export function clock(at: number): string {
  return kept(
    "clock",
    () => new Intl.DateTimeFormat(language(), { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }),
  ).format(at * 1000);
}
