import { useQuery } from "@tanstack/react-query";

import { call } from "./call";
import { queries } from "./query";

export interface Session {
  person: { id: string; name: string; email: string; role: "viewer" | "member" | "admin" } | null;
}

export function useSession() {
  return useQuery({ queryKey: ["session"], queryFn: () => call<Session>("GET", "/session"), staleTime: 300_000 });
}

export async function signOut(): Promise<void> {
  await call("DELETE", "/session");
  queries.clear();
}
