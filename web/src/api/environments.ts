import { useQuery } from "@tanstack/react-query";

import { client, data } from "./client";

export function useEnvironments() {
  return useQuery({
    queryKey: ["environments"],
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/environments", { signal })),
    select: (list) => list.environments,
  });
}
