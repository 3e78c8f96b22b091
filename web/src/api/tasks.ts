import { keepPreviousData, useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { useDeferredValue, useEffect } from "react";

import { open } from "@/live/connection";
import { type ListFilter, type Pages, withLine, withoutLine } from "@/live/list";

import { call } from "./call";
import { queries } from "./query";
import type { Bulk, BulkOutcome, FollowUp, Gone, TaskCreate, TaskLine, TaskPage, TaskUpdate, TaskView, Upload } from "./schema";

export type NewTask = Partial<TaskCreate> & Pick<TaskCreate, "prompt" | "mode">;
export type NewTurn = Partial<FollowUp>;

const LIST = ["tasks", "list"] as const;
export const taskKey = (id: string) => ["tasks", "one", id] as const;

const PAGE = 60;

function listQuery(filter: ListFilter, cursor: string | null) {
  return {
    archived: filter.tab === "archived",
    mode: filter.tab === "reviews" ? "review" : null,
    status: filter.status,
    unread: filter.unread ? true : null,
    q: filter.search,
    sort: filter.sort,
    limit: PAGE,
    cursor,
  };
}

export function useTaskPages(filter: ListFilter) {
  return useInfiniteQuery({
    queryKey: [...LIST, filter],
    queryFn: ({ pageParam, signal }) => call<TaskPage>("GET", "/tasks", { query: listQuery(filter, pageParam), signal }),
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
  const found = useQuery({
    queryKey: ["tasks", "search", search],
    queryFn: ({ signal }) => call<TaskPage>("GET", "/tasks", { query: { q: search, limit: 8 }, signal }),
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

/** Keeps every list that is held up to date for as long as it is mounted. */
export function useListStream(): void {
  useEffect(
    () =>
      open({
        url: "/api/v1/events",
        onState: () => undefined,
        onMessages: (messages) => {
          for (const message of messages) {
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
    mutationFn: ({ task, key }: { task: NewTask; key: string }) =>
      call<TaskView>("POST", "/tasks", { body: { ...task, origin: "web" }, query: { key } }),
    onSuccess: (view) => {
      queries.setQueryData(taskKey(view.task.id), view);
      takeLine(view.task);
    },
  });
}

export async function upload(file: Blob): Promise<Upload> {
  return call<Upload>("POST", "/uploads", { raw: file });
}

export function useBulk() {
  return useMutation({
    mutationFn: (bulk: Bulk) => call<BulkOutcome>("POST", "/tasks/bulk", { body: bulk }),
    onMutate: (bulk) => {
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
    },
    onSettled: () => queries.invalidateQueries({ queryKey: LIST }),
  });
}

export function useTask(id: string) {
  return useQuery({
    queryKey: taskKey(id),
    queryFn: ({ signal }) => call<TaskView>("GET", `/tasks/${encodeURIComponent(id)}`, { signal }),
  });
}

/** An act on one task that answers with the task as it is then. */
export function useAct<B>(id: string, path: string, method = "POST") {
  return useMutation({
    mutationFn: (body: B) => call<TaskView>(method, `/tasks/${encodeURIComponent(id)}${path}`, { body }),
    onSuccess: (view) => {
      if (typeof view === "object" && "task" in view) {
        queries.setQueryData(taskKey(id), view);
        takeLine(view.task);
      } else {
        void queries.invalidateQueries({ queryKey: taskKey(id) });
      }
    },
  });
}

export const useUpdate = (id: string) => useAct<Partial<TaskUpdate>>(id, "", "PATCH");
