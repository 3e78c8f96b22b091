import createClient, { type Middleware } from "openapi-fetch";

import type { ErrorInfo, paths } from "./schema";

export type ErrorCode = ErrorInfo["code"] | "offline";

/** What the service answered, or "offline" where it did not answer. `message` is a sentence for a person. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: ErrorCode,
    message: string,
    readonly details: unknown = null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** The service's cookie that only its own pages can read; sent back, it shows that the request comes from one. */
function token(): string | null {
  const found = /(?:^|;\s*)journeyman_csrf=([^;]+)/.exec(document.cookie);
  return found?.[1] ? decodeURIComponent(found[1]) : null;
}

const guarded: Middleware = {
  onRequest({ request }) {
    const value = token();
    if (value && request.method !== "GET") request.headers.set("X-CSRF-Token", value);
    return request;
  },
  onError() {
    return new ApiError(0, "offline", "");
  },
};

export const client = createClient<paths>({ baseUrl: "/", credentials: "same-origin" });
client.use(guarded);

function isBody(value: unknown): value is { error: ErrorInfo } {
  return typeof value === "object" && value !== null && "error" in value;
}

/** The data of an answer; throws an `ApiError` for every other outcome. */
export function data<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.error === undefined) return answer.data as T;
  throw failure(answer.error, answer.response.status);
}

export function failure(body: unknown, status: number): ApiError {
  if (isBody(body)) return new ApiError(status, body.error.code, body.error.message, body.error.details);
  return new ApiError(status, status >= 500 ? "internal" : "bad_request", "");
}
