import { useSyncExternalStore } from "react";

import { ago, duration, moment } from "@/i18n/format";

let now = Date.now() / 1000;
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function listen(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now() / 1000;
    for (const each of listeners) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** Seconds since the epoch, once a second; one timer for the whole page. */
export function useNow(): number {
  return useSyncExternalStore(listen, () => now);
}

export function Ago({ at }: { at: number }) {
  const current = useNow();
  return (
    <time dateTime={new Date(at * 1000).toISOString()} title={moment(at)} className="whitespace-nowrap tabular">
      {ago(at, Math.max(current, at))}
    </time>
  );
}

/** From `since` until `until`, or until now while that is not known. */
export function Elapsed({ since, until }: { since: number; until?: number | null | undefined }) {
  return until ? <span className="tabular">{duration(until - since)}</span> : <Running since={since} />;
}

function Running({ since }: { since: number }) {
  const current = useNow();
  return <span className="tabular">{duration(Math.floor(Math.max(0, current - since)))}</span>;
}
