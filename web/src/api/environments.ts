import { useQuery } from "@tanstack/react-query";

import { call } from "./call";

export interface EnvironmentChoice {
  name: string;
  repository: string | null;
}

export function useEnvironments() {
  return useQuery({
    queryKey: ["environments"],
    queryFn: ({ signal }) => call<{ environments: EnvironmentChoice[] }>("GET", "/environments", { signal }),
    select: (page) => page.environments,
  });
}
