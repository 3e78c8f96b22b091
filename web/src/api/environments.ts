import { useMutation, useQuery } from "@tanstack/react-query";

import { client, data } from "./client";
import { queries } from "./query";

export function useEnvironments() {
  return useQuery({
    queryKey: ["environments"],
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/environments", { signal })),
    select: (list) => list.environments,
  });
}

/** Lets requests to a host through from an environment's next attempt on. */
export function useAllowHost() {
  return useMutation({
    mutationFn: async ({ name, host }: { name: string; host: string }) => {
      const at = { params: { path: { name } } };
      const { environment } = data(await client.GET("/api/v1/environments/{name}", at));
      const { network } = environment.attempt;
      const hosts = [...new Set([...network.hosts, host])];
      const access = network.access === "off" ? ("allow-list" as const) : network.access;
      const changed = { ...environment, attempt: { ...environment.attempt, network: { ...network, access, hosts } } };
      return data(await client.PUT("/api/v1/environments/{name}", { ...at, body: { environment: changed } }));
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: ["environments"] }),
  });
}
