import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { client, data } from "./client";
import { queries } from "./query";
import type { AttemptView, CommandView, paths } from "./types";

/** An attempt of a task, as paths name it: "turn.number". */
export interface AttemptRef {
  task: string;
  attempt: string;
}

type Query<P extends keyof paths> = paths[P] extends { get: { parameters: { query?: infer Q } } } ? Q : never;
type Tests = NonNullable<Query<"/api/v1/tasks/{task_id}/attempts/{attempt}/checks">>;

const path = ({ task, attempt }: AttemptRef) => ({ task_id: task, attempt });
const key = (ref: AttemptRef, ...rest: unknown[]) => ["work", ref.task, ref.attempt, ...rest];

const BASE = "/api/v1/tasks/{task_id}/attempts/{attempt}";

/** What is asked for again when the stream has told of something new. */
export type Part = "view" | "checks" | "diff" | "commands" | "files" | "citations" | "timeline" | "matrix";

export function outdate(ref: AttemptRef, ...parts: Part[]): void {
  for (const part of parts) void queries.invalidateQueries({ queryKey: key(ref, part) });
}

export function useAttempt(ref: AttemptRef | null) {
  return useQuery({
    queryKey: ref ? key(ref, "view") : ["work", "none"],
    enabled: ref !== null,
    queryFn: async ({ signal }): Promise<AttemptView> =>
      // The client's types widen pairs to lists on their way out.
      data(await client.GET(BASE, { params: { path: path(ref as AttemptRef) }, signal })) as AttemptView,
  });
}

/** The newest entries of the work log, or those before an event. */
export async function fetchWork(ref: AttemptRef, before: number | null, limit = 100) {
  const query = before === null ? { limit } : { limit, before };
  return data(await client.GET(`${BASE}/work`, { params: { path: path(ref), query } }));
}

export function useCitations(ref: AttemptRef, enabled: boolean) {
  return useQuery({
    queryKey: key(ref, "citations"),
    enabled,
    queryFn: async ({ signal }) => data(await client.GET(`${BASE}/citations`, { params: { path: path(ref) }, signal })),
    select: (found) => found.citations,
  });
}

export function useChecks(ref: AttemptRef, states: NonNullable<Tests["state"]> = []) {
  return useQuery({
    queryKey: key(ref, "checks", states),
    queryFn: async ({ signal }) =>
      data(await client.GET(`${BASE}/checks`, { params: { path: path(ref), query: { state: states } }, signal })),
    placeholderData: keepPreviousData,
  });
}

export interface DiffWish {
  against: string;
  whitespace: "show" | "ignore";
}

export function useDiff(ref: AttemptRef, wish: DiffWish, enabled = true) {
  return useQuery({
    enabled,
    queryKey: key(ref, "diff", wish),
    queryFn: async ({ signal }) => data(await client.GET(`${BASE}/diff`, { params: { path: path(ref), query: wish }, signal })),
    placeholderData: keepPreviousData,
  });
}

/** One file with everything around its changes. */
export async function fetchWholeDiff(ref: AttemptRef, wish: DiffWish, file: string) {
  const query = { ...wish, path: file, context: 100_000 };
  const view = data(await client.GET(`${BASE}/diff`, { params: { path: path(ref), query } }));
  return view.files[0] ?? null;
}

export function patchUrl(ref: AttemptRef): string {
  return `/api/v1/tasks/${encodeURIComponent(ref.task)}/attempts/${encodeURIComponent(ref.attempt)}/patch`;
}

export async function fetchPatch(ref: AttemptRef): Promise<string> {
  return data(await client.GET(`${BASE}/patch`, { params: { path: path(ref) }, parseAs: "text" }));
}

/** The commands of an attempt; with `search` those that have it in them or in their output. What was fetched before is
 * not fetched again: a command that has ended stays as it is. */
export function useCommands(ref: AttemptRef, search = "") {
  return useQuery({
    queryKey: key(ref, "commands", search),
    queryFn: async ({ signal }) => {
      const known = search ? [] : (queries.getQueryData<CommandView[]>(key(ref, "commands", search)) ?? []);
      const commands = [...known];
      let after = known.at(-1)?.seq ?? 0;
      for (;;) {
        const page = data(await client.GET(`${BASE}/commands`, { params: { path: path(ref), query: { after, limit: search ? 200 : 1000, search } }, signal }));
        commands.push(...page.commands);
        if (typeof page.after !== "number") return commands.length > known.length ? commands : known;
        after = page.after;
      }
    },
    placeholderData: keepPreviousData,
  });
}

export function useChunk(ref: AttemptRef, chunk: string, enabled: boolean) {
  return useQuery({
    queryKey: key(ref, "chunk", chunk),
    enabled,
    queryFn: async ({ signal }) =>
      data(await client.GET(`${BASE}/chunks/{chunk}`, { params: { path: { ...path(ref), chunk } }, signal })),
    placeholderData: keepPreviousData,
  });
}

export function chunkUrl(ref: AttemptRef, chunk: string): string {
  return `/api/v1/tasks/${encodeURIComponent(ref.task)}/attempts/${encodeURIComponent(ref.attempt)}/chunks/${chunk}/raw`;
}

export async function fetchCast(ref: AttemptRef, chunk: string | null): Promise<string> {
  const params = { path: path(ref) };
  return chunk === null
    ? data(await client.GET(`${BASE}/terminal`, { params, parseAs: "text" }))
    : data(await client.GET(`${BASE}/chunks/{chunk}/cast`, { params: { path: { ...params.path, chunk } }, parseAs: "text" }));
}

export function useFolder(ref: AttemptRef, folder: string, seq: number | null, enabled = true) {
  return useQuery({
    queryKey: key(ref, "files", folder, seq),
    enabled,
    queryFn: async ({ signal }) =>
      data(
        await client.GET(`${BASE}/files`, {
          params: { path: path(ref), query: seq === null ? { folder } : { folder, seq } },
          signal,
        }),
      ),
  });
}

export function useFile(ref: AttemptRef, file: string | null, seq: number | null) {
  return useQuery({
    queryKey: key(ref, "files", "text", file, seq),
    enabled: file !== null,
    queryFn: async ({ signal }) =>
      data(
        await client.GET(`${BASE}/files/text`, {
          params: { path: path(ref), query: seq === null ? { path: file ?? "" } : { path: file ?? "", seq } },
          signal,
        }),
      ),
  });
}

export function fileUrl(ref: AttemptRef, file: string, seq: number | null): string {
  const at = seq === null ? "" : `&seq=${seq}`;
  return `/api/v1/tasks/${encodeURIComponent(ref.task)}/attempts/${encodeURIComponent(ref.attempt)}/files/raw?path=${encodeURIComponent(file)}${at}`;
}

export function useTimeline(ref: AttemptRef) {
  return useQuery({
    queryKey: key(ref, "timeline"),
    queryFn: async ({ signal }) =>
      data(await client.GET(`${BASE}/timeline`, { params: { path: path(ref), query: { limit: 10_000 } }, signal })),
  });
}

export async function fetchEvents(task: string, after: number, limit = 200) {
  return data(await client.GET("/api/v1/tasks/{task_id}/log", { params: { path: { task_id: task }, query: { after, limit } } }));
}

export function useTaskUsage(task: string) {
  return useQuery({
    queryKey: ["work", task, "usage"],
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/tasks/{task_id}/usage", { params: { path: { task_id: task } }, signal })),
  });
}

export function useMatrix(task: string, turn: number, enabled: boolean) {
  return useQuery({
    enabled,
    queryKey: ["work", task, "matrix", turn],
    queryFn: async ({ signal }) =>
      data(await client.GET("/api/v1/tasks/{task_id}/matrix", { params: { path: { task_id: task }, query: { turn } }, signal })),
  });
}
