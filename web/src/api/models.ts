import { useQuery } from "@tanstack/react-query";

import { client, data } from "./client";

export function useModels() {
  return useQuery({
    queryKey: ["models"],
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/models", { signal })),
    select: (list) => list.models,
  });
}
