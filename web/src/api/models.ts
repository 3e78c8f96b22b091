import { useMutation, useQuery } from "@tanstack/react-query";

import { client, data } from "./client";
import { queries } from "./query";
import type { ModelAdd } from "./schema";

const KEY = ["models"] as const;
const anew = (): Promise<void> => queries.invalidateQueries({ queryKey: KEY });

export function useModels() {
  return useQuery({
    queryKey: KEY,
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/models", { signal })),
    select: (list) => list.models,
  });
}

export function useAddModel() {
  return useMutation({
    mutationFn: async (body: ModelAdd) => data(await client.POST("/api/v1/models", { body })),
    onSuccess: anew,
  });
}

export function useRemoveModel() {
  return useMutation({
    mutationFn: async (name: string) => data(await client.DELETE("/api/v1/models/{name}", { params: { path: { name } } })),
    onSuccess: anew,
  });
}

/** A short question to a model: whether it answers, how soon, and for how much. */
export function useModelTest() {
  return useMutation({
    mutationFn: async (name: string) => data(await client.POST("/api/v1/models/{name}/test", { params: { path: { name } } })),
  });
}

const EMBEDDED = ["embedded-model"] as const;

/** The embedded model's file; while it is fetched, it is asked for again and again. */
export function useEmbedded() {
  return useQuery({
    queryKey: EMBEDDED,
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/models/embedded", { signal })),
    refetchInterval: (query) => (query.state.data?.state === "fetching" ? 500 : false),
    retry: false,
  });
}

export function useFetchEmbedded() {
  return useMutation({
    mutationFn: async () => data(await client.POST("/api/v1/models/embedded/fetch")),
    onSuccess: (embedded) => queries.setQueryData(EMBEDDED, embedded),
  });
}
