import { keepPreviousData, useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { useDeferredValue, useEffect } from "react";

import { open } from "@/live/connection";
import { type ListFilter, type Pages, withLine, withoutLine } from "@/live/list";

import { ApiError, client, data, type Sent } from "./client";
import { queries } from "./query";
import type { Bulk, FollowUp, Fork, Gone, OpenPullRequest, paths, Publish, Publishing, Rewind, TaskBudget, TaskCreate, TaskLine, TaskUpdate, TaskView, Upload } from "./types";

export type NewTask = Sent<TaskCreate, "prompt" | "mode">;
export type NewTurn = Sent<FollowUp>;

const LIST = ["tasks", "list"] as const;
export const taskKey = (id: string) => ["tasks", "one", id] as const;

const PAGE = 60;

type ListQuery = NonNullable<paths["/api/v1/tasks"]["get"]["parameters"]["query"]>;

function listQuery(filter: ListFilter, cursor: string | null): ListQuery {
  return {
    archived: filter.tab === "archived" ? ("true" as const) : ("false" as const),
    ...(filter.tab === "reviews" ? { mode: ["review" as const] } : {}),
    ...(filter.status ? { status: [filter.status] } : {}),
    ...(filter.verdict ? { verdict: [filter.verdict] } : {}),
    ...(filter.unread ? { unread: true } : {}),
    ...(filter.mine ? { owner: "me" } : {}),
    ...(filter.search ? { search: filter.search } : {}),
    ...(cursor ? { cursor } : {}),
    sort: filter.sort,
    limit: PAGE,
  };
}

export function useTaskPages(filter: ListFilter) {
  return useInfiniteQuery({
    queryKey: [...LIST, filter],
    queryFn: async ({ pageParam, signal }) =>
      data(await client.GET("/api/v1/tasks", { params: { query: listQuery(filter, pageParam) }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.cursor,
    placeholderData: keepPreviousData,
    // The stream keeps it fresh from its first page on; asked anew only when the page is opened again.
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnMount: "always",
  });
}

/** For the palette: tasks whose title or prompt has what is typed. */
export function useTaskSearch(typed: string): TaskLine[] {
  const search = useDeferredValue(typed.trim());
  const query: ListQuery = { search, limit: 8 };
  const found = useQuery({
    queryKey: ["tasks", "search", search],
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/tasks", { params: { query }, signal })),
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  });
  return found.data?.tasks ?? [];
}

function eachList(change: (held: Pages, filter: ListFilter) => Pages): void {
  for (const [key, held] of queries.getQueriesData<Pages>({ queryKey: LIST })) {
    const filter = key[2] as ListFilter;
    if (held) queries.setQueryData(key, change(held, filter));
  }
}

export function takeLine(line: TaskLine): void {
  eachList((held, filter) => withLine(held, line, filter));
  queries.setQueryData<TaskView>(taskKey(line.id), (view) => (view && line.seq >= view.task.seq ? { ...view, task: line } : view));
}

export function takeView(view: TaskView): void {
  const key = taskKey(view.task.id);
  const before = queries.getQueryData<TaskView>(key)?.task;
  queries.setQueryData(key, view);
  takeLine(view.task);
  // What was handed on, or how far that is, has changed elsewhere: in another browser, or on the forge.
  if (before && (before.pull_request?.at !== view.task.pull_request?.at || before.summary.branch !== view.task.summary.branch)) {
    void queries.invalidateQueries({ queryKey: ["tasks", "publish", view.task.id] });
  }
}

/** Keeps every list that is held up to date for as long as it is mounted. */
export function useListStream(): void {
  useEffect(
    () =>
      open({
        url: "/api/v1/events",
        onState: () => undefined,
        onMessages: (messages) => {
          for (const message of messages) {
            // What changes from here on is told; what changed before the stream began is fetched.
            if (message.event === "ready") void queries.invalidateQueries({ queryKey: LIST });
            if (message.event === "task") takeLine(JSON.parse(message.data) as TaskLine);
            if (message.event === "gone") {
              const { id } = JSON.parse(message.data) as Gone;
              eachList((held) => withoutLine(held, id));
            }
          }
        },
      }),
    [],
  );
}

/** 128 random bits; `crypto.randomUUID` is only there over HTTPS and on the loopback. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function useSubmit() {
  return useMutation({
    // The key is made once for each press of the button: sent twice over a bad line, it is one task all the same.
    mutationFn: async ({ task, key }: { task: NewTask; key: string }) =>
      data(
        await client.POST("/api/v1/tasks", {
          body: { ...task, origin: "web" } as TaskCreate,
          params: { header: { "Idempotency-Key": key } },
        }),
      ),
    onSuccess: takeView,
  });
}

/** The branches of what a task would work on, asked for when somebody looks for one. */
export function useBranches(of: { environment: string | null; repository: string | null }, wanted: boolean) {
  const named = of.environment !== null || of.repository !== null;
  return useQuery({
    queryKey: ["branches", of.environment, of.repository],
    enabled: wanted && named,
    queryFn: async ({ signal }) =>
      data(
        await client.GET("/api/v1/branches", {
          params: { query: of.environment !== null ? { environment: of.environment } : { repository: of.repository } },
          signal,
        }),
      ),
    staleTime: 30_000,
    retry: false,
  });
}

const publishKey = (id: string, attempt: string) => ["tasks", "publish", id, attempt] as const;

/** Where the result of an attempt can be pushed, or why it cannot, and where it was. */
export function usePublishing(id: string, attempt: string, wanted: boolean) {
  return useQuery({
    queryKey: publishKey(id, attempt),
    enabled: wanted,
    queryFn: async ({ signal }) =>
      data(await client.GET("/api/v1/tasks/{task_id}/publish", { params: { path: { task_id: id }, query: { attempt } }, signal })),
    // To be told it may ask a forge elsewhere; what changes it outdates it.
    staleTime: 10_000,
  });
}

const handedOn = (id: string, attempt: string) => (published: Publishing) => {
  queries.setQueryData(publishKey(id, attempt), published);
  return queries.invalidateQueries({ queryKey: taskKey(id) });
};

export function usePublish(id: string, attempt: string) {
  return useMutation({
    mutationFn: async (body: Sent<Publish>) =>
      data(
        await client.POST("/api/v1/tasks/{task_id}/publish", {
          params: { path: { task_id: id } },
          body: { branch: null, message: null, ...body, attempt },
        }),
      ),
    onSuccess: handedOn(id, attempt),
  });
}

/** Opens a pull request with the result, or brings the one that is open for the branch up to date with it. */
export function useOpenPullRequest(id: string, attempt: string) {
  return useMutation({
    mutationFn: async (body: Sent<OpenPullRequest>) =>
      data(
        await client.POST("/api/v1/tasks/{task_id}/pull-request", {
          params: { path: { task_id: id } },
          body: { branch: null, base: null, title: null, body: null, draft: false, ...body, attempt },
        }),
      ),
    onSuccess: handedOn(id, attempt),
  });
}

/** Asks the forge how the pull request stands now. */
export function useRefreshPullRequest(id: string) {
  return useMutation({
    mutationFn: async () => data(await client.POST("/api/v1/tasks/{task_id}/pull-request/refresh", { params: { path: { task_id: id } } })),
    onSuccess: async () => {
      await Promise.all([queries.invalidateQueries({ queryKey: ["tasks", "publish", id] }), queries.invalidateQueries({ queryKey: taskKey(id) })]);
    },
  });
}

/** A small repository with a bug, made when it is first asked for, and what to ask for. */
export async function makeDemo() {
  return data(await client.POST("/api/v1/demo"));
}

/** The media type tells the service what it is. */
export async function upload(file: Blob): Promise<Upload> {
  return data(
    await client.POST("/api/v1/uploads", {
      body: file as unknown as string,
      bodySerializer: (body) => body as unknown as Blob,
      headers: { "Content-Type": file.type },
    }),
  );
}

export function useBulk() {
  return useMutation({
    mutationFn: async (bulk: Bulk) => data(await client.POST("/api/v1/tasks/bulk", { body: bulk })),
    onMutate: (bulk) => {
      const before = queries.getQueriesData<Pages>({ queryKey: LIST });
      // Shown at once where it can be taken back without loss.
      if (bulk.act === "archive" || bulk.act === "unarchive") for (const id of bulk.ids) eachList((held) => withoutLine(held, id));
      if (bulk.act === "read" || bulk.act === "unread") {
        const unread = bulk.act === "unread";
        eachList((held) => ({
          ...held,
          pages: held.pages.map((page) => ({
            ...page,
            tasks: page.tasks.map((task) => (bulk.ids.includes(task.id) ? { ...task, unread } : task)),
          })),
        }));
      }
      return before;
    },
    // Put back at once: while the service cannot be reached, nothing else would.
    onError: (_error, _bulk, before) => before?.forEach(([key, held]) => queries.setQueryData(key, held)),
    onSettled: () => queries.invalidateQueries({ queryKey: LIST }),
  });
}

export function useTask(id: string) {
  return useQuery({
    queryKey: taskKey(id),
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/tasks/{task_id}", { params: { path: { task_id: id } }, signal })),
  });
}

const at = (id: string) => ({ path: { task_id: id } });
const refresh = (id: string) => queries.invalidateQueries({ queryKey: taskKey(id) });

/** What is said to a task: each becomes part of its log, and the stream tells when it has. */
export function useTaskActs(id: string) {
  const done = { onSuccess: () => refresh(id) };
  const changed = {
    onSuccess: takeView,
  };
  return {
    steer: useMutation({
      mutationFn: async ({ text, key }: { text: string; key: string }) =>
        data(
          await client.POST("/api/v1/tasks/{task_id}/steer", {
            params: { ...at(id), header: { "Idempotency-Key": key } },
            body: { text, attempt: null },
          }),
        ),
      ...done,
    }),
    followUp: useMutation({
      mutationFn: async ({ turn, key }: { turn: NewTurn; key: string }) =>
        data(
          await client.POST("/api/v1/tasks/{task_id}/turns", {
            params: { ...at(id), header: { "Idempotency-Key": key } },
            body: turn as FollowUp,
          }),
        ),
      ...done,
    }),
    rewind: useMutation({
      mutationFn: async ({ body, key }: { body: Sent<Rewind>; key: string }) =>
        data(
          await client.POST("/api/v1/tasks/{task_id}/rewind", {
            params: { ...at(id), header: { "Idempotency-Key": key } },
            body: body as Rewind,
          }),
        ),
      ...changed,
    }),
    fork: useMutation({
      mutationFn: async ({ body, key }: { body: Sent<Fork>; key: string }) =>
        data(
          await client.POST("/api/v1/tasks/{task_id}/fork", {
            params: { ...at(id), header: { "Idempotency-Key": key } },
            body: body as Fork,
          }),
        ),
      ...changed,
    }),
    interrupt: useMutation({
      mutationFn: async () =>
        data(await client.POST("/api/v1/tasks/{task_id}/interrupt", { params: at(id), body: { attempt: null } })),
      ...done,
    }),
    cancel: useMutation({
      mutationFn: async () => data(await client.POST("/api/v1/tasks/{task_id}/cancel", { params: at(id) })),
      ...done,
    }),
    approve: useMutation({
      mutationFn: async (budget: TaskBudget) =>
        data(await client.POST("/api/v1/tasks/{task_id}/approve", { params: at(id), body: { budget } })),
      ...changed,
    }),
    retry: useMutation({
      mutationFn: async () => data(await client.POST("/api/v1/tasks/{task_id}/retry", { params: at(id) })),
      ...changed,
    }),
    choose: useMutation({
      mutationFn: async (attempt: string) =>
        data(await client.POST("/api/v1/tasks/{task_id}/choose", { params: at(id), body: { attempt } })),
      ...changed,
    }),
    update: useMutation({
      mutationFn: async (update: Sent<TaskUpdate>) =>
        data(await client.PATCH("/api/v1/tasks/{task_id}", { params: at(id), body: update })),
      ...changed,
    }),
    remove: useMutation({
      mutationFn: async () => data(await client.DELETE("/api/v1/tasks/{task_id}", { params: at(id) })),
      onSuccess: () => eachList((held) => withoutLine(held, id)),
    }),
  };
}

/** Nothing is said when it fails: the mark stays, and goes with the next visit. */
export async function markSeen(id: string, seq: number): Promise<void> {
  let marked = false;
  try {
    marked = (await client.PUT("/api/v1/tasks/{task_id}/seen", { params: at(id), body: { seq } })).response.ok;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
  if (marked) {
    eachList((held) => ({
      ...held,
      pages: held.pages.map((page) => ({
        ...page,
        tasks: page.tasks.map((task) => (task.id === id ? { ...task, unread: false } : task)),
      })),
    }));
  }
}
