import { useMutation, useQuery } from "@tanstack/react-query";

import { client, data, type Sent } from "./client";
import { queries } from "./query";
import type { BuildLog, EnvironmentCreate, EnvironmentView, EnvironmentWrite } from "./schema";

const KEY = ["environments"] as const;
const one = (name: string) => [...KEY, "one", name] as const;
const at = (name: string) => ({ params: { path: { name } } });
const anew = (): Promise<void> => queries.invalidateQueries({ queryKey: KEY });

export function useEnvironments() {
  return useQuery({
    queryKey: KEY,
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/environments", { signal })),
    select: (list) => list.environments,
  });
}

export function useEnvironment(name: string) {
  return useQuery({
    queryKey: one(name),
    queryFn: async ({ signal }) => data(await client.GET("/api/v1/environments/{name}", { ...at(name), signal })),
    enabled: name !== "",
  });
}

/** Whether a text is an environment, and which. */
export async function checkEnvironment(text: string, signal: AbortSignal) {
  return data(await client.POST("/api/v1/environments/check", { body: { text }, signal }));
}

function taken(view: EnvironmentView): Promise<void> {
  queries.setQueryData(one(view.name), view);
  return queries.invalidateQueries({ queryKey: KEY, exact: true });
}

export function useCreateEnvironment() {
  return useMutation({
    mutationFn: async (body: Sent<EnvironmentCreate, "name">) => data(await client.POST("/api/v1/environments", { body })),
    onSuccess: taken,
  });
}

export function useSaveEnvironment(name: string) {
  return useMutation({
    mutationFn: async (body: Sent<EnvironmentWrite>) => data(await client.PUT("/api/v1/environments/{name}", { ...at(name), body })),
    onSuccess: taken,
  });
}

export function useDeleteEnvironment() {
  return useMutation({
    mutationFn: async (name: string) => data(await client.DELETE("/api/v1/environments/{name}", at(name))),
    onSuccess: anew,
  });
}

/** Sets it up; what that says is told by `useBuildLog`. */
export function useBuild(name: string) {
  return useMutation({
    mutationFn: async (fresh: boolean) =>
      data(await client.POST("/api/v1/environments/{name}/build", { ...at(name), body: { fresh } })),
    onSuccess: (log) => {
      queries.setQueryData(logKey(name), log);
      return anew();
    },
  });
}

export function useReset(name: string) {
  return useMutation({
    mutationFn: async () => data(await client.POST("/api/v1/environments/{name}/reset", at(name))),
    onSuccess: () => {
      queries.removeQueries({ queryKey: logKey(name) });
      return anew();
    },
  });
}

export function useSelfTest(name: string) {
  return useMutation({
    mutationFn: async () => data(await client.POST("/api/v1/environments/{name}/self-test", at(name))),
  });
}

const logKey = (name: string) => ["environment-log", name] as const;
/** Seconds for which the service keeps a question open while a set-up has nothing new to say. */
const WAIT = 20;
/** Lines that are held; of a longer set-up the last. */
const HELD = 20_000;

/** What a set-up has said so far; asks on for as long as it runs. */
export function useBuildLog(name: string) {
  return useQuery({
    queryKey: logKey(name),
    queryFn: async ({ signal }) => {
      const held = queries.getQueryData<BuildLog>(logKey(name));
      const running = held?.state === "building";
      const query = { after: running ? held.next : 0, wait: running ? WAIT : 0 };
      let page = data(await client.GET("/api/v1/environments/{name}/log", { params: { path: { name }, query }, signal }));
      const lines = running && page.began === held.began ? [...held.lines, ...page.lines] : [...page.lines];
      while (page.lines.length > 0 && page.state !== "building") {
        const further = { after: page.next, wait: 0 };
        page = data(await client.GET("/api/v1/environments/{name}/log", { params: { path: { name }, query: further }, signal }));
        lines.push(...page.lines);
      }
      if (running && page.state !== "building") void anew();
      return { ...page, lines: lines.slice(-HELD) };
    },
    // The question itself waits for news; this is the pause until the next.
    refetchInterval: (query) => (query.state.data?.state === "building" ? 150 : false),
    enabled: name !== "",
  });
}

/** Lets requests to a host through from an environment's next attempt, or its next set-up, on. */
export function useAllowHost() {
  return useMutation({
    mutationFn: async ({ name, host, phase = "attempt" }: { name: string; host: string; phase?: "attempt" | "setup" }) => {
      const { environment } = data(await client.GET("/api/v1/environments/{name}", at(name)));
      const { network } = environment[phase];
      const hosts = [...new Set([...network.hosts, host])];
      const access = network.access === "off" ? ("allow-list" as const) : network.access;
      const changed = { ...environment, [phase]: { ...environment[phase], network: { ...network, access, hosts } } };
      return data(await client.PUT("/api/v1/environments/{name}", { ...at(name), body: { environment: changed } }));
    },
    onSuccess: anew,
  });
}
