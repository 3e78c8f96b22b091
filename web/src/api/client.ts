import createClient, { type Middleware } from "openapi-fetch";

import type { ErrorInfo, paths } from "./schema";

export type ErrorCode = ErrorInfo["code"] | "offline";

/**
 * What the service answered, or "offline" where it did not answer. `message` is a sentence for a person, `reason` the
 * name that it has in other languages.
 */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: ErrorCode,
    message: string,
    readonly details: unknown = null,
    readonly reason: string | null = null,
    readonly values: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = "ApiError";
  }
}

let csrf: string | null = null;

/** The token of the session, which goes back with every change: it shows that a page of the service itself sends it. */
export function setCsrf(value: string | null): void {
  csrf = value;
}

const guarded: Middleware = {
  onRequest({ request }) {
    if (csrf && request.method !== "GET") request.headers.set("X-CSRF-Token", csrf);
    return request;
  },
  onError({ error }) {
    // A request that was called off is no failure of the network.
    return error instanceof TypeError ? new ApiError(0, "offline", "") : undefined;
  },
};

export const client = createClient<paths>({ baseUrl: location.origin, credentials: "same-origin" });
client.use(guarded);

function isBody(value: unknown): value is { error: ErrorInfo } {
  return typeof value === "object" && value !== null && "error" in value;
}

/** The data of an answer; throws an `ApiError` for every other outcome. */
export function data<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.response.ok) return answer.data as T;
  throw failure(answer.error, answer.response.status);
}

function failure(body: unknown, status: number): ApiError {
  if (isBody(body)) {
    const { code, message, details, reason, values } = body.error;
    return new ApiError(status, code, message, details, reason, values);
  }
  return new ApiError(status, status >= 500 ? "unavailable" : "bad_request", "");
}

/**
 * What may be left out of a body. The description gives each field with a default as one that is there, which is so
 * for what comes back.
 */
export type Sent<T, Needed extends keyof T = never> = Pick<T, Needed> & Partial<T>;
