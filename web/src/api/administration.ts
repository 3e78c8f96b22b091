import { keepPreviousData, useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";

import { client, data, type Sent } from "./client";
import { queries } from "./query";
import type { Keep, Quota, ScheduleTask, ScheduleWrite } from "./schema";

const anew = (...keys: string[]) => async (): Promise<void> => {
  await Promise.all(keys.map((key) => queries.invalidateQueries({ queryKey: [key] })));
};

export type UsageKey = "day" | "person" | "group" | "model" | "outcome";

/** Sums over a span of days in UTC; `until` is the day after the last. */
export function useUsage(since: string, until: string, by: UsageKey[]) {
  return useQuery({
    queryKey: ["usage", since, until, by],
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/usage", { params: { query: { since, until, by } }, signal })),
    placeholderData: keepPreviousData,
  });
}

export function useSchedules() {
  return useQuery({
    queryKey: ["schedules"],
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/schedules", { signal })),
    select: (list) => list.schedules,
  });
}

export type WrittenSchedule = Sent<Omit<ScheduleWrite, "task">, "name" | "cron"> & { task: Sent<ScheduleTask, "prompt"> };

export function useSaveSchedule() {
  return useMutation({
    mutationFn: async ({ id, schedule }: { id: string | null; schedule: WrittenSchedule }) => {
      const body = schedule as ScheduleWrite;
      return id === null
        ? data(await client.POST("/api/v1/schedules", { body }))
        : data(await client.PUT("/api/v1/schedules/{schedule_id}", { params: { path: { schedule_id: id } }, body }));
    },
    onSuccess: anew("schedules"),
  });
}

export function useDeleteSchedule() {
  return useMutation({
    mutationFn: async (id: string) =>
      data(await client.DELETE("/api/v1/schedules/{schedule_id}", { params: { path: { schedule_id: id } } })),
    onSuccess: anew("schedules"),
  });
}

export function useQuotas() {
  return useQuery({
    queryKey: ["quotas"],
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/quotas", { signal })),
    select: (list) => list.quotas,
  });
}

export function useOwnStandings() {
  return useQuery({
    queryKey: ["quota"],
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/quota", { signal })),
    select: (list) => list.standings,
  });
}

export function useSetQuota() {
  return useMutation({
    mutationFn: async ({ of, ...body }: Pick<Quota, "of" | "day" | "month" | "running" | "queued">) =>
      data(await client.PUT("/api/v1/quotas/{of}", { params: { path: { of } }, body })),
    onSuccess: anew("quotas", "quota"),
  });
}

export function useRemoveQuota() {
  return useMutation({
    mutationFn: async (of: string) => data(await client.DELETE("/api/v1/quotas/{of}", { params: { path: { of } } })),
    onSuccess: anew("quotas", "quota"),
  });
}

export function useAudit(filter: { act: string; person: string }) {
  return useInfiniteQuery({
    queryKey: ["audit", filter],
    queryFn: async ({ pageParam, signal }) =>
      data(
        await client.GET("/api/v1/audit", {
          params: {
            query: {
              limit: 100,
              ...(pageParam ? { before: pageParam } : {}),
              ...(filter.act ? { act: filter.act } : {}),
              ...(filter.person ? { person: filter.person } : {}),
            },
          },
          signal,
        }),
      ),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.cursor,
    placeholderData: keepPreviousData,
  });
}

export function useWorkers() {
  return useQuery({
    queryKey: ["workers"],
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/workers", { signal })),
    select: (list) => list.workers,
    refetchInterval: 10_000,
  });
}

export function useSecrets(enabled: boolean) {
  return useQuery({
    queryKey: ["secrets"],
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/secrets", { signal })),
    select: (list) => list.secrets,
    enabled,
  });
}

export function useSetSecret() {
  return useMutation({
    mutationFn: async ({ name, value, environment }: { name: string; value: string; environment: string | null }) =>
      data(await client.PUT("/api/v1/secrets/{name}", { params: { path: { name } }, body: { value, environment } })),
    onSuccess: anew("secrets", "environments"),
  });
}

export function useRemoveSecret() {
  return useMutation({
    mutationFn: async ({ name, environment }: { name: string; environment: string | null }) =>
      data(
        await client.DELETE("/api/v1/secrets/{name}", {
          params: { path: { name }, query: environment === null ? {} : { environment } },
        }),
      ),
    onSuccess: anew("secrets", "environments"),
  });
}

export function useRetention() {
  return useQuery({
    queryKey: ["retention"],
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/retention", { signal })),
  });
}

/** Makes room; a dry run only tells what would go. */
export function useMakeRoom() {
  return useMutation({
    mutationFn: async (body: { dry_run: boolean; keep: Sent<Keep> }) => data(await client.POST("/api/v1/retention/run", { body })),
    onSuccess: (made) => (made.dry_run ? undefined : anew("retention", "tasks")()),
  });
}

export function useAbout() {
  return useQuery({
    queryKey: ["about"],
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/about", { signal })),
    staleTime: Number.POSITIVE_INFINITY,
  });
}
