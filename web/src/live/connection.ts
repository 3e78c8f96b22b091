import { useSyncExternalStore } from "react";

import { Stream, type StreamOptions, type StreamState } from "./stream";

/** The state of all streams of the page as one, for the shell to show. */
export type Connection = { kind: "idle" } | { kind: "live" } | { kind: "lost"; since: number; at: number } | { kind: "signed-out" };

const states = new Map<Stream, StreamState>();
const listeners = new Set<() => void>();
let shown: Connection = { kind: "idle" };

export function summarise(all: Iterable<StreamState>): Connection {
  let result: Connection = { kind: "idle" };
  for (const state of all) {
    if (state.kind === "over" && state.status === 401) return { kind: "signed-out" };
    if (state.kind === "lost" && (result.kind !== "lost" || state.since < result.since)) {
      result = { kind: "lost", since: state.since, at: state.at };
    }
    if (state.kind === "live" && result.kind === "idle") result = { kind: "live" };
  }
  return result;
}

function publish(): void {
  const next = summarise(states.values());
  if (JSON.stringify(next) === JSON.stringify(shown)) return;
  shown = next;
  for (const listener of listeners) listener();
}

/** Opens a stream that counts towards the page's connection. The answer closes it. */
export function open(options: StreamOptions): () => void {
  const stream = new Stream({
    ...options,
    onState: (state) => {
      states.set(stream, state);
      publish();
      options.onState(state);
    },
  });
  stream.start();
  return () => {
    stream.stop();
    states.delete(stream);
    publish();
  };
}

function wakeAll(): void {
  for (const stream of states.keys()) stream.wake();
}

/** Tries lost streams at once. */
export const reconnect = wakeAll;

if (typeof window !== "undefined") {
  window.addEventListener("online", wakeAll);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") wakeAll();
  });
}

export function useConnection(): Connection {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => shown,
  );
}
