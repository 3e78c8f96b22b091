import { ApiError, failure } from "./client";

type Query = Record<string, string | number | boolean | null | undefined>;

function token(): string | null {
  const found = /(?:^|;\s*)journeyman_csrf=([^;]+)/.exec(document.cookie);
  return found?.[1] ? decodeURIComponent(found[1]) : null;
}

/** Interim, until the paths of the service's description are there. */
export async function call<T>(method: string, path: string, own: { query?: Query; body?: unknown; raw?: BodyInit; signal?: AbortSignal } = {}): Promise<T> {
  const url = new URL(`/api/v1${path}`, location.origin);
  for (const [name, value] of Object.entries(own.query ?? {})) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, String(value));
  }
  const headers: Record<string, string> = { Accept: "application/json" };
  const csrf = token();
  if (csrf && method !== "GET") headers["X-CSRF-Token"] = csrf;
  if (own.body !== undefined) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers,
      credentials: "same-origin",
      body: own.raw ?? (own.body === undefined ? null : JSON.stringify(own.body)),
      ...(own.signal ? { signal: own.signal } : {}),
    });
  } catch (error) {
    if (error instanceof TypeError) throw new ApiError(0, "offline", "");
    throw error;
  }
  const text = await response.text();
  const json = response.headers.get("Content-Type")?.startsWith("application/json") && text ? (JSON.parse(text) as unknown) : text;
  if (!response.ok) throw failure(json, response.status);
  return json as T;
}
