import { createParser } from "eventsource-parser";

/** A message of a stream. `id` is what it is resumed from; messages without one are states that are sent anew. */
export interface Message {
  event: string;
  id: string | null;
  data: string;
}

export type StreamState =
  | { kind: "connecting" }
  | { kind: "live" }
  /** Lost; tried again at `at` (milliseconds since the epoch) or as soon as the network is back. */
  | { kind: "lost"; since: number; at: number }
  /** Over for good: signed out (401), not ours to see (403), or gone (404, 410). */
  | { kind: "over"; status: number };

export interface StreamParts {
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  now: () => number;
  /** Runs `act` after so many milliseconds; the answer calls it off. */
  later: (act: () => void, milliseconds: number) => () => void;
  random: () => number;
}

export interface StreamOptions {
  url: string;
  /** Where to begin: what comes after this id. */
  after?: string | null;
  onMessages: (messages: Message[]) => void;
  onState: (state: StreamState) => void;
  parts?: Partial<StreamParts>;
}

/** The service sends a comment every few seconds; without a byte for so long the connection is dead. */
export const SILENCE = 40_000;
const SLOWEST = 15_000;
const OVER = new Set([401, 403, 404, 410]);

const REAL: StreamParts = {
  fetch: (url, init) => fetch(url, init),
  now: () => Date.now(),
  later: (act, milliseconds) => {
    const timer = setTimeout(act, milliseconds);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

/**
 * Server-sent events over fetch, so that the place to go on from is ours to say: each reconnect asks for what comes
 * after the last id that was handed on, and a number that was handed on already is dropped. Nothing is lost and
 * nothing comes twice, however often the connection breaks.
 */
export class Stream {
  private readonly parts: StreamParts;
  private last: string | null;
  private highest: number;
  private failures = 0;
  private lostSince: number | null = null;
  private abort: AbortController | null = null;
  private cancelRetry: (() => void) | null = null;
  private cancelWatch: (() => void) | null = null;
  private stopped = true;

  constructor(private readonly options: StreamOptions) {
    this.parts = { ...REAL, ...options.parts };
    this.last = options.after ?? null;
    this.highest = numeric(this.last) ?? -1;
  }

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.options.onState({ kind: "connecting" });
    void this.connect();
  }

  stop(): void {
    this.stopped = true;
    this.cancelRetry?.();
    this.cancelWatch?.();
    this.abort?.abort();
    this.abort = null;
  }

  /** Tries at once: the network is back, or the page is looked at again. */
  wake(): void {
    if (this.stopped || !this.cancelRetry) return;
    this.cancelRetry();
    this.cancelRetry = null;
    void this.connect();
  }

  private async connect(): Promise<void> {
    const abort = new AbortController();
    this.abort = abort;
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    if (this.last !== null) headers["Last-Event-ID"] = this.last;
    try {
      this.watch(abort);
      const response = await this.parts.fetch(this.options.url, {
        headers,
        signal: abort.signal,
        cache: "no-store",
        credentials: "same-origin",
      });
      if (OVER.has(response.status)) {
        this.stop();
        this.options.onState({ kind: "over", status: response.status });
        return;
      }
      if (response.ok && response.body) await this.read(response.body, abort);
    } catch (error) {
      // A broken connection is what this class is for; anything else is a fault of the page.
      if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
    }
    this.cancelWatch?.();
    if (!this.stopped && this.abort === abort) this.retry();
  }

  private async read(body: ReadableStream<Uint8Array>, abort: AbortController): Promise<void> {
    let batch: Message[] = [];
    const parser = createParser({
      onEvent: (event) => {
        const id = event.id ?? null;
        if (id !== null && !this.advance(id)) return;
        batch.push({ event: event.event ?? "message", id, data: event.data });
      },
    });
    const decoder = new TextDecoder();
    const reader = body.getReader();
    this.failures = 0;
    this.lostSince = null;
    this.options.onState({ kind: "live" });
    for (;;) {
      const { done, value } = await reader.read();
      if (done || abort.signal.aborted) return;
      this.watch(abort);
      parser.feed(decoder.decode(value, { stream: true }));
      if (batch.length > 0) {
        const messages = batch;
        batch = [];
        this.options.onMessages(messages);
      }
    }
  }

  /** Takes note of an id. False when that message was handed on before. */
  private advance(id: string): boolean {
    const value = numeric(id);
    if (value !== null) {
      if (value <= this.highest) return false;
      this.highest = value;
    }
    this.last = id;
    return true;
  }

  private watch(abort: AbortController): void {
    this.cancelWatch?.();
    this.cancelWatch = this.parts.later(() => abort.abort(), SILENCE);
  }

  private retry(): void {
    this.failures += 1;
    const now = this.parts.now();
    this.lostSince ??= now;
    const ceiling = Math.min(SLOWEST, 250 * 2 ** Math.min(this.failures, 8));
    const wait = ceiling * (0.5 + this.parts.random() / 2);
    this.options.onState({ kind: "lost", since: this.lostSince, at: now + wait });
    this.cancelRetry = this.parts.later(() => {
      this.cancelRetry = null;
      void this.connect();
    }, wait);
  }
}

function numeric(id: string | null): number | null {
  return id !== null && /^\d{1,15}$/.test(id) ? Number(id) : null;
}
