import { useMutation, useQuery } from "@tanstack/react-query";

import { client, data, type Sent } from "./client";
import { queries } from "./query";
import type { InvitationCreate, PersonUpdate, TokenCreate } from "./schema";

const anew = (...keys: string[]) => async (): Promise<void> => {
  await Promise.all(keys.map((key) => queries.invalidateQueries({ queryKey: [key] })));
};

export function usePeople() {
  return useQuery({
    queryKey: ["people"],
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/people", { signal })),
    select: (list) => list.people,
  });
}

export function useChangePerson() {
  return useMutation({
    mutationFn: async ({ id, ...body }: { id: string } & Sent<PersonUpdate>) =>
      data(await client.PATCH("/api/v1/people/{person_id}", { params: { path: { person_id: id } }, body })),
    onSuccess: anew("people", "groups", "session"),
  });
}

export function useEndSessions() {
  return useMutation({
    mutationFn: async (id: string) =>
      data(await client.DELETE("/api/v1/people/{person_id}/sessions", { params: { path: { person_id: id } } })),
  });
}

export function useResetLink() {
  return useMutation({
    mutationFn: async (id: string) =>
      data(await client.POST("/api/v1/people/{person_id}/reset", { params: { path: { person_id: id } } })),
    onSuccess: anew("invitations"),
  });
}

export function useInvitations(enabled: boolean) {
  return useQuery({
    queryKey: ["invitations"],
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/invitations", { signal })),
    select: (list) => list.invitations,
    enabled,
  });
}

export function useInvite() {
  return useMutation({
    mutationFn: async (body: Sent<InvitationCreate>) =>
      data(await client.POST("/api/v1/invitations", { body: body as InvitationCreate })),
    onSuccess: anew("invitations"),
  });
}

export function useWithdraw() {
  return useMutation({
    mutationFn: async (id: string) =>
      data(await client.DELETE("/api/v1/invitations/{invitation_id}", { params: { path: { invitation_id: id } } })),
    onSuccess: anew("invitations"),
  });
}

export function useGroups() {
  return useQuery({
    queryKey: ["groups"],
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/groups", { signal })),
    select: (list) => list.groups,
  });
}

export function useAddGroup() {
  return useMutation({
    mutationFn: async (name: string) => data(await client.POST("/api/v1/groups", { body: { name } })),
    onSuccess: anew("groups"),
  });
}

export function useRemoveGroup() {
  return useMutation({
    mutationFn: async (id: string) =>
      data(await client.DELETE("/api/v1/groups/{group_id}", { params: { path: { group_id: id } } })),
    onSuccess: anew("groups", "people"),
  });
}

export function useSetMember() {
  return useMutation({
    mutationFn: async ({ group, person, member }: { group: string; person: string; member: boolean }) => {
      const at = { params: { path: { group_id: group, person_id: person } } };
      const path = "/api/v1/groups/{group_id}/members/{person_id}" as const;
      return data(await (member ? client.PUT(path, at) : client.DELETE(path, at)));
    },
    onSuccess: anew("groups", "people", "session"),
  });
}

export function useTokens() {
  return useQuery({
    queryKey: ["tokens"],
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/tokens", { signal })),
    select: (list) => list.tokens,
  });
}

export function useAddToken() {
  return useMutation({
    mutationFn: async (body: TokenCreate) => data(await client.POST("/api/v1/tokens", { body })),
    onSuccess: anew("tokens"),
  });
}

export function useRevokeToken() {
  return useMutation({
    mutationFn: async (id: string) =>
      data(await client.DELETE("/api/v1/tokens/{token_id}", { params: { path: { token_id: id } } })),
    onSuccess: anew("tokens"),
  });
}

export function useChangePassword() {
  return useMutation({
    mutationFn: async (body: { current?: string; password: string }) =>
      data(await client.POST("/api/v1/session/password", { body })),
    onSuccess: anew("session"),
  });
}

export function useEndOtherSessions() {
  return useMutation({ mutationFn: async () => data(await client.DELETE("/api/v1/sessions")) });
}
