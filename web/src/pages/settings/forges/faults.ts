import { ApiError } from "@/api/client";

export type Fault = "address" | "api" | "token";

/** Which field a failure to set a forge up is about. Without an address of one's own there is only the token. */
export function faultOf(error: unknown, own: boolean): Fault {
  if (!own || !(error instanceof ApiError)) return "token";
  const wrong = fieldsOf(error.details);
  for (const field of ["address", "api", "token"] as const) if (wrong.includes(field)) return field;
  return error.reason?.includes("token") ? "token" : "address";
}

/** The names of the fields that the service found to be wrong, as it tells them beside its sentence. */
function fieldsOf(details: unknown): string[] {
  if (!Array.isArray(details)) return [];
  return details.flatMap((each: unknown) =>
    typeof each === "object" && each !== null && "field" in each && typeof each.field === "string" ? [each.field] : [],
  );
}
