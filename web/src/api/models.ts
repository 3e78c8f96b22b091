import { useQuery } from "@tanstack/react-query";

import { call } from "./call";

export interface ModelChoice {
  name: string;
  input_price: number | null;
  output_price: number | null;
  default: boolean;
}

export function useModels() {
  return useQuery({
    queryKey: ["models"],
    queryFn: ({ signal }) => call<{ models: ModelChoice[] }>("GET", "/models", { signal }),
    select: (page) => page.models,
  });
}
