/** One bound of a quota or a budget: for what (none: the whole task), and whether it is money, tokens or a number. */
export interface Bound {
  of: string;
  unit: "cost" | "tokens" | "count";
  value: number;
}

/** The bounds that an entry of the audit log holds as JSON; null where it holds words. */
export function boundsOf(detail: string): Bound[] | null {
  if (!detail.startsWith("{")) return null;
  let read: unknown;
  try {
    read = JSON.parse(detail);
  } catch {
    return null;
  }
  const found: Bound[] = [];
  const take = (of: string, values: object): boolean =>
    Object.entries(values).every(([name, value]) => {
      if (typeof value === "object" && value !== null && !of) return take(name, value as object);
      if (typeof value !== "number") return false;
      if (name === "cost" || name === "tokens") found.push({ of, unit: name, value });
      else found.push({ of: name, unit: "count", value });
      return true;
    });
  return typeof read === "object" && read !== null && take("", read) ? found : null;
}
