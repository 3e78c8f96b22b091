import { useMutation, useQuery } from "@tanstack/react-query";

import { client, data, type Sent } from "./client";
import { queries } from "./query";
import type { ForgeView, NewForge } from "./schema";

const KEY = ["forges"] as const;

/** Whether something can be handed on, and where to, changes with the forges. */
const anew = async (): Promise<void> => {
  await Promise.all([queries.invalidateQueries({ queryKey: KEY }), queries.invalidateQueries({ queryKey: ["tasks", "publish"] })]);
};

export function useForges() {
  return useQuery({
    queryKey: KEY,
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/forges", { signal })),
    select: (list) => list.forges,
  });
}

export function useAddForge() {
  return useMutation({
    mutationFn: async (body: Sent<NewForge, "kind" | "address" | "token">) => data(await client.POST("/api/v1/forges", { body })),
    onSuccess: anew,
  });
}

/** Asks the forge whose its token is. That it is refused is no failure of the asking: the forge's line says so then. */
export function useCheckForge() {
  return useMutation({
    mutationFn: async (name: string): Promise<ForgeView> => data(await client.POST("/api/v1/forges/{name}/check", { params: { path: { name } } })),
    onSuccess: anew,
  });
}

export function useReplaceForgeToken() {
  return useMutation({
    mutationFn: async ({ name, token }: { name: string; token: string }) =>
      data(await client.PUT("/api/v1/forges/{name}/token", { params: { path: { name } }, body: { token } })),
    onSuccess: anew,
  });
}

export function useRemoveForge() {
  return useMutation({
    mutationFn: async (name: string) => data(await client.DELETE("/api/v1/forges/{name}", { params: { path: { name } } })),
    onSuccess: anew,
  });
}
