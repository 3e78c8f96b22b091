import { useEffect, useMemo, useSyncExternalStore } from "react";

import { ApiError } from "./client";
import type { Event, NumberedEvent, TaskView, WorkEntry } from "./types";
import { fetchWork } from "./work";

import { open } from "@/live/connection";
import { type Draft, type DraftPiece, Drafts, legible } from "@/live/drafts";
import type { Message } from "@/live/stream";
import { NOTHING, withEarlier, withEvents, withHistory, type Work } from "@/live/work";

/** The work log of an attempt as it is shown: what was fetched, and what the stream has told since. */
export interface Log extends Work {
  /** Asks for what came before; null at the start. */
  before: number | null;
  loading: "first" | "earlier" | null;
  error: unknown;
}

const UNLOADED: Log = { ...NOTHING, before: null, loading: null, error: null };

export interface TaskListener {
  onTask: (view: TaskView) => void;
  /** Events of an attempt have come, and what they changed. */
  onWork: (attempt: string, before: Work, after: Work) => void;
  onGone: () => void;
}

/** With these events of an attempt what its model was writing is over. */
const OVER = new Set<Event["kind"]>(["replied", "resumed", "stopped", "finished"]);

/** The logs of a task's attempts, by the attempts' ids. One for each page of a task. */
export class TaskLogs {
  private logs = new Map<string, Log>();
  private drafts = new Drafts();
  private asked = new Set<string>();
  private listeners = new Set<() => void>();
  private changes = 0;

  constructor(
    private readonly task: string,
    private readonly listener: TaskListener,
  ) {}

  /** Grows with each change of any of them. */
  version = (): number => this.changes;

  get = (attempt: string): Log => this.logs.get(attempt) ?? UNLOADED;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** What the attempt's model writes just now. */
  draftOf = (attempt: string): Draft | null => this.drafts.get(attempt);

  private set(attempt: string, part: Partial<Log>): void {
    this.logs.set(attempt, { ...this.get(attempt), ...part });
    this.changes += 1;
    this.tell();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }

  /** The stream was opened anew: it tells the drafts from their beginnings. */
  reopened(): void {
    this.drafts.forget();
    this.changes += 1;
    this.tell();
  }

  /** Changes the draft of an attempt. That it grows is no change of the page's list of pieces; that it comes or goes is. */
  private draft(attempt: string, how: () => void): void {
    const before = legible(this.drafts.get(attempt));
    how();
    if (legible(this.drafts.get(attempt)) !== before) this.changes += 1;
  }

  /** Messages of the stream, in their order. */
  take(messages: readonly Message[]): void {
    const batches = new Map<string, Event[]>();
    for (const message of messages) {
      if (message.event === "event") {
        const { attempt, event } = JSON.parse(message.data) as NumberedEvent;
        if (OVER.has(event.kind)) this.draft(attempt, () => this.drafts.over(attempt, event.seq));
        const batch = batches.get(attempt);
        if (batch) batch.push(event);
        else batches.set(attempt, [event]);
      }
      if (message.event === "draft") {
        const piece = JSON.parse(message.data) as DraftPiece;
        this.draft(piece.attempt, () => this.drafts.take(piece));
      }
      if (message.event === "task") this.listener.onTask(JSON.parse(message.data) as TaskView);
      if (message.event === "gone") this.listener.onGone();
    }
    for (const [attempt, events] of batches) {
      const before = this.get(attempt);
      const after = withEvents(before, events);
      this.set(attempt, after);
      this.listener.onWork(attempt, before, after);
    }
    if (batches.size === 0 && messages.some((message) => message.event === "draft")) this.tell();
  }

  /** Fetches the newest entries, once. */
  async load(attempt: string, again = false): Promise<void> {
    if (this.asked.has(attempt) && !again) return;
    this.asked.add(attempt);
    this.set(attempt, { loading: "first", error: null });
    await this.fetched(attempt, null, (log, entries) => withHistory(log, entries, []));
  }

  async loadEarlier(attempt: string): Promise<void> {
    const { before, loading } = this.get(attempt);
    if (before === null || loading) return;
    this.set(attempt, { loading: "earlier", error: null });
    await this.fetched(attempt, before, withEarlier);
  }

  private async fetched(attempt: string, before: number | null, join: (work: Work, entries: WorkEntry[]) => Work): Promise<void> {
    try {
      const page = await fetchWork({ task: this.task, attempt }, before);
      this.set(attempt, { ...join(this.get(attempt), page.entries), before: page.before ?? null, loading: null });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.set(attempt, { loading: null, error });
    }
  }
}

/** Follows a task for as long as it is shown, from the place up to which its page was fetched. */
export function useTaskLogs(task: string, seq: number | null, listener: TaskListener): TaskLogs {
  const logs = useMemo(() => new TaskLogs(task, listener), [task, listener]);
  const ready = seq !== null;
  useEffect(() => {
    if (!ready) return undefined;
    return open({
      url: `/api/v1/tasks/${encodeURIComponent(task)}/events?drafts=true`,
      after: String(seq),
      onState: (state) => {
        if (state.kind === "live") logs.reopened();
      },
      onMessages: (messages) => logs.take(messages),
    });
    // The stream goes on from its own place; that of the page is where it begins.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [task, logs, ready]);
  return logs;
}

export function useLog(logs: TaskLogs, attempt: string | null): Log {
  return useSyncExternalStore(logs.subscribe, () => (attempt === null ? UNLOADED : logs.get(attempt)));
}

export function useDraft(logs: TaskLogs, attempt: string): Draft | null {
  return useSyncExternalStore(logs.subscribe, () => logs.draftOf(attempt));
}
