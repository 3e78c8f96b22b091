import { ApiError } from "@/api/client";

export type Fault = "address" | "api" | "token";

/** What the service says where it did not come as far as the token: there is nothing at the address, or something else. */
const OF_ADDRESS = new Set(["forge.no_address", "forge.clear", "forge.there", "forge.broken", "forge.unreachable", "forge.large", "forge.silent", "forge.unreadable"]);

/** Which field a failure to set a forge up is about. Without an address of one's own there is only the token. */
export function faultOf(error: unknown, own: boolean): Fault {
  if (!own || !(error instanceof ApiError)) return "token";
  if (OF_ADDRESS.has(error.reason ?? "")) return "address";
  if (error.reason === "forge.redirects") return "api";
  const wrong = fieldsOf(error.details);
  for (const field of ["address", "api", "token"] as const) if (wrong.includes(field)) return field;
  return "token";
}

/** The names of the fields that the service found to be wrong, as it tells them beside its sentence. */
function fieldsOf(details: unknown): string[] {
  if (!Array.isArray(details)) return [];
  return details.flatMap((each: unknown) =>
    typeof each === "object" && each !== null && "field" in each && typeof each.field === "string" ? [each.field] : [],
  );
}
