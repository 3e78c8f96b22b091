import { QueryClient } from "@tanstack/react-query";

import { ApiError } from "./client";

const LASTING = new Set([400, 401, 403, 404, 409, 410, 422]);

/** What is fetched is kept fresh by the streams, not by asking again and again. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      retry: (count, error) => !(error instanceof ApiError && LASTING.has(error.status)) && count < 2,
      refetchOnWindowFocus: false,
      networkMode: "always",
    },
    // What cannot be sent fails at once and says so; nothing waits unseen for the line to come back.
    mutations: { networkMode: "always" },
  },
});
