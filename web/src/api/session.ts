import { useQuery } from "@tanstack/react-query";

import { client, data, setCsrf } from "./client";
import { queries } from "./query";
import type { Accept, Me, Sent } from "./types";

const KEY = ["session"] as const;

function taken(me: Me): Me {
  setCsrf(me.csrf ?? null);
  queries.setQueryData(KEY, me);
  return me;
}

async function fetchSession(): Promise<Me> {
  const me = data(await client.GET("/api/v1/session"));
  setCsrf(me.csrf ?? null);
  return me;
}

/** Who is signed in; fails with 401 when nobody is. Everything that changes something needs it first. */
export function sessionQuery() {
  return { queryKey: KEY, queryFn: fetchSession, staleTime: 300_000 };
}

export const useSession = () => useQuery(sessionQuery());

/** Whether the person may change things, and whether they see to the service itself. */
export function useMay(): { write: boolean; administer: boolean } {
  const scopes = useSession().data?.scopes ?? [];
  return { write: scopes.includes("write"), administer: scopes.includes("admin") };
}

export function useSignInWays() {
  return useQuery({ queryKey: ["sign-in"], queryFn: async () => data(await client.GET("/api/v1/sign-in")) });
}

export async function signIn(email: string, password: string): Promise<Me> {
  return taken(data(await client.POST("/api/v1/session", { body: { email, password } })));
}

export async function accept(body: Sent<Accept, "secret" | "password">): Promise<Me> {
  return taken(data(await client.POST("/api/v1/session/invitation", { body })));
}

export function useInvitation(secret: string) {
  return useQuery({
    queryKey: ["invitation", secret],
    queryFn: async () => data(await client.POST("/api/v1/session/invitation/look", { body: { secret } })),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export async function signOut(): Promise<void> {
  data(await client.DELETE("/api/v1/session"));
  setCsrf(null);
  queries.clear();
}
