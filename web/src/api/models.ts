import { useMutation, useQuery } from "@tanstack/react-query";

import { client, data } from "./client";

export function useModels() {
  return useQuery({
    queryKey: ["models"],
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/models", { signal })),
    select: (list) => list.models,
  });
}

/** A short question to a model: whether it answers, how soon, and for how much. */
export function useModelTest() {
  return useMutation({
    mutationFn: async (name: string) => data(await client.POST("/api/v1/models/{name}/test", { params: { path: { name } } })),
  });
}
