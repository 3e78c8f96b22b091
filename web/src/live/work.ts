import type { CallView, EntryOf, Event, EventOf, PlanStep, WorkEntry } from "@/api/types";

import { clip } from "./clip";

/**
 * What an attempt has done so far: the service's fold of its work log (`/work`), carried on by the events of the
 * stream. An event that is in it already changes nothing, so the history that was fetched and the stream that was
 * joined may overlap.
 */
export interface Work {
  entries: WorkEntry[];
  plan: PlanStep[];
  /** The number of the last event that was added, within the attempt. */
  seq: number;
  /** What goes on that is no call: a check that runs, long work that tells of itself, a request that is sent again. */
  progress: string;
  /** These grow whenever what a tab shows has changed. */
  checks: number;
  changes: number;
  commands: number;
  refusals: number;
  opened: number;
  finished: boolean;
}

export const NOTHING: Work = {
  entries: [],
  plan: [],
  seq: 0,
  progress: "",
  checks: 0,
  changes: 0,
  commands: 0,
  refusals: 0,
  opened: 0,
  finished: false,
};

/** The history as it was fetched, under what the stream has told since. */
export function withHistory(work: Work, fetched: readonly WorkEntry[], plan: readonly PlanStep[]): Work {
  const told = new Map(work.entries.map((entry) => [entry.seq, entry]));
  const known = new Set(fetched.map((entry) => entry.seq));
  const first = fetched[0]?.seq ?? 0;
  const entries = fetched.map((entry) => furtherOf(entry, told.get(entry.seq)));
  entries.push(...work.entries.filter((entry) => entry.seq > first && !known.has(entry.seq)));
  entries.sort((a, b) => a.seq - b.seq);
  return { ...work, entries: numbered(entries), plan: work.plan.length > 0 ? work.plan : [...plan] };
}

/** Earlier entries in front. */
export function withEarlier(work: Work, entries: readonly WorkEntry[]): Work {
  const first = work.entries[0]?.seq ?? Number.POSITIVE_INFINITY;
  return { ...work, entries: [...entries.filter((entry) => entry.seq < first), ...work.entries] };
}

/** Of two states of an entry, the one whose calls are further on. */
function furtherOf(fetched: WorkEntry, told: WorkEntry | undefined): WorkEntry {
  if (told?.kind !== "step" || fetched.kind !== "step") return fetched;
  const done = (step: EntryOf<"step">): number => step.calls.filter((call) => call.status !== "running").length;
  return done(told) > done(fetched) ? { ...told, number: fetched.number } : fetched;
}

/** Steps count on from the first: those that only the stream told of had no history to count from. */
function numbered(entries: WorkEntry[]): WorkEntry[] {
  let next: number | null = null;
  return entries.map((entry) => {
    if (entry.kind !== "step") return entry;
    const number: number = next ?? entry.number;
    next = number + 1;
    return entry.number === number ? entry : { ...entry, number };
  });
}

/** Adds a batch of an attempt's events. Copies once for the batch, so that 50,000 events fold in a moment. */
export function withEvents(work: Work, events: readonly Event[]): Work {
  const next: Work = { ...work, entries: [...work.entries] };
  for (const event of events) {
    if (event.seq <= next.seq) continue;
    next.seq = event.seq;
    add(next, event);
  }
  return next;
}

/** The progress that an event makes of the line under the work; undefined leaves it. */
function progressOf(event: Event): string | undefined {
  switch (event.kind) {
    case "progressed":
      return event.text;
    case "retried":
      return event.message;
    case "check_started":
      return event.check.command;
    case "opened":
    case "replied":
    case "checked":
    case "stopped":
    case "finished":
      return "";
    default:
      return undefined;
  }
}

function add(work: Work, event: Event): void {
  work.progress = progressOf(event) ?? work.progress;
  switch (event.kind) {
    case "replied":
      replied(work, event);
      return;
    case "tool_started":
      change(work, event.call_id, event.seq, (call) => ({
        ...call,
        seq: event.seq,
        at: event.at,
        name: event.name,
        summary: event.summary,
        status: "running",
        seconds: null,
      }));
      return;
    case "tool_returned":
      returned(work, event);
      return;
    case "stopped":
      interrupted(work, event.seq);
      break;
    case "opened":
      work.opened += 1;
      break;
    case "set_up_failed":
      work.commands += 1;
      break;
    case "request_refused":
      work.refusals += 1;
      break;
    case "checked":
      work.checks += 1;
      break;
    case "finished":
      work.finished = true;
      work.changes += 1;
      work.checks += 1;
      break;
    default:
      break;
  }
  const entry = entryOf(event);
  if (entry) insert(work, entry);
}

/** At its place, unless it is there: nearly always at the end. */
function insert(work: Work, entry: WorkEntry): void {
  const index = work.entries.findLastIndex((other) => other.seq <= entry.seq);
  if (work.entries[index]?.seq !== entry.seq) work.entries.splice(index + 1, 0, entry);
}

function replied(work: Work, event: EventOf<"replied">): void {
  const last = work.entries.findLast((entry) => entry.kind === "step");
  if (last && last.seq >= event.seq) return;
  interrupted(work, event.seq);
  const { items, usage } = event.reply;
  insert(work, {
    kind: "step",
    seq: event.seq,
    at: event.at,
    number: (last?.number ?? 0) + 1,
    seconds: event.seconds,
    text: items.map((item) => (item.kind === "assistant" ? item.text : "")).join(""),
    reasoning: items
      .map((item) => (item.kind === "reasoning" ? item.text : ""))
      .filter((text) => text.trim())
      .join("\n\n"),
    usage,
    calls: items.flatMap((item): CallView[] =>
      item.kind === "tool_call"
        ? [
            {
              call_id: item.call_id,
              name: item.name,
              summary: "",
              seq: event.seq,
              at: event.at,
              seconds: null,
              status: "running",
              arguments: clip(item.arguments),
              content: "",
              detail: null,
              files: false,
            },
          ]
        : [],
    ),
  });
}

function returned(work: Work, event: EventOf<"tool_returned">): void {
  const detail = event.detail ?? null;
  if (detail?.kind === "plan") work.plan = [...detail.plan];
  if (detail?.kind === "command") work.commands += 1;
  if (event.checkpoint || detail?.kind === "files") work.changes += 1;
  change(work, event.call_id, event.seq, (call) => ({
    ...call,
    status: event.is_error ? "failed" : "completed",
    seconds: Math.max(event.at - call.at, 0),
    content: clip(event.content),
    detail,
    files: Boolean(event.checkpoint),
  }));
}

/** Changes a call of the step that was the last one then. Others may hold the step, so it is copied. */
function change(work: Work, id: string, seq: number, how: (call: CallView) => CallView): void {
  const index = work.entries.findLastIndex(
    (entry) => entry.kind === "step" && entry.seq < seq && entry.calls.some((call) => call.call_id === id),
  );
  const step = work.entries[index];
  if (step?.kind !== "step") return;
  work.entries[index] = { ...step, calls: step.calls.map((call) => (call.call_id === id ? how(call) : call)) };
}

/** Calls that had not returned when the work went on, or stopped, were interrupted. */
function interrupted(work: Work, seq: number): void {
  const index = work.entries.findLastIndex((entry) => entry.kind === "step" && entry.seq < seq);
  const step = work.entries[index];
  if (step?.kind !== "step" || !step.calls.some((call) => call.status === "running")) return;
  work.entries[index] = {
    ...step,
    calls: step.calls.map((call) => (call.status === "running" ? { ...call, status: "interrupted" } : call)),
  };
}

function entryOf(event: Event): WorkEntry | null {
  const { seq, at } = event;
  switch (event.kind) {
    case "said":
      return { kind: "said", seq, at, why: event.why, text: event.item.text };
    case "checked":
      return checkEntry(event);
    case "candidate_tried": {
      const { source, diff, outcome, note, seconds } = event;
      return { kind: "candidate", seq, at, source, diff, outcome, note, seconds };
    }
    default: {
      const text = wordsOf(event);
      return text ? { kind: "note", seq, at, event: event.kind, text } : null;
    }
  }
}

function checkEntry(event: EventOf<"checked">): WorkEntry {
  const { seq, at, run } = event;
  const count = (...outcomes: string[]): number => run.tests.filter((test) => outcomes.includes(test.outcome)).length;
  return {
    kind: "check",
    seq,
    at,
    command: run.check.command,
    run: {
      seq,
      at,
      on: run.on,
      tree: run.tree,
      exit_code: run.exit_code,
      cut: run.cut ?? null,
      seconds: run.seconds,
      chunk: run.chunk,
      passed: count("passed"),
      failed: count("failed", "error"),
      skipped: count("skipped"),
      stale: false,
    },
  };
}

/** To the nearest whole number, halves to the even one, as the service rounds. */
function rounded(value: number): number {
  const near = Math.round(value);
  return Math.abs(value % 1) === 0.5 && near % 2 !== 0 ? near - 1 : near;
}

/** The service's words for events that have no entry of their own form. */
function wordsOf(event: Event): string {
  switch (event.kind) {
    case "attempt_started":
      return event.base.left_out.join(" ");
    case "set_up_failed": {
      const phase = event.phase === "setup" ? "set-up" : "maintenance script";
      const ended = event.cut ? `cut off: ${event.cut}` : `exit code ${event.exit_code}`;
      return `The ${phase} of the environment ${event.environment} failed (${ended}).${event.cause ? ` ${event.cause}` : ""}`;
    }
    case "opened":
      return `The sandbox is open (${event.backend}${event.environment ? `, ${event.environment}` : ""}).`;
    case "request_refused": {
      const { method, host, port, reason } = event.refusal;
      return `Refused: ${method} ${host}:${port}. ${reason}`;
    }
    case "progressed":
      return event.text;
    case "retried":
      return `${event.message} Trying again in ${rounded(event.wait)} s.`;
    case "compacted": {
      const by = event.by === "harness" ? " The model gave no summary; one was put together from the log." : "";
      const [before, after] = [event.before, event.after].map((size) => size.toLocaleString("en-US"));
      return (
        `The conversation was summarised, since it came near the end of the model's window: about ${before} ` +
        `tokens became ${after}.${by}`
      );
    }
    case "cross_checked": {
      const { tests_of, on, passed, failed } = event.crossed;
      const [author, other] = [tests_of, on].map((name) => name.split(".").slice(1).join("."));
      return `New tests of attempt ${author} on attempt ${other}: ${passed} pass, ${failed} fail.`;
    }
    case "judged": {
      const { among, best, model, why } = event.opinion;
      const names = among.map((name) => name.split(".").slice(1).join("."));
      const apart = `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? ""}, which nothing else tells apart`;
      if (best) return `${model} takes attempt ${best.split(".").slice(1).join(".")} of ${apart}: ${why}`;
      if (why) return `${model} could not be asked between attempts ${apart}: ${why}`;
      return `${model} has no opinion between attempts ${apart}: it took another one in another order.`;
    }
    case "escalated":
      return `${event.why} The next model, ${event.model}, begins anew.`;
    case "resumed":
      return "Another process went on with the work.";
    case "stopped":
      return event.message || (event.reason === "finished" ? "" : `Stopped: ${event.reason}.`);
    case "published":
      return `Pushed to the branch ${event.branch} of ${event.remote} (commit ${event.commit.slice(0, 12)}).`;
    case "pull_request": {
      const { kind, number, repository, state, checks } = event.pull_request;
      const word = kind === "gitlab" ? "merge request" : "pull request";
      const said = { none: "", running: "; its checks run", passed: "; its checks pass", failed: "; its checks fail" }[checks];
      return `The ${word} ${number} of ${repository} is ${state === "draft" ? "a draft" : state}${said}.`;
    }
    default:
      return "";
  }
}

/** What the steps were, for the folded log: "worked for 4 min, 23 commands". */
export function tally(entries: readonly WorkEntry[]): { steps: number; commands: number; edits: number } {
  let steps = 0;
  let commands = 0;
  let edits = 0;
  for (const entry of entries) {
    if (entry.kind !== "step") continue;
    steps += 1;
    for (const call of entry.calls) {
      if (call.detail?.kind === "command") commands += 1;
      if (call.detail?.kind === "files") edits += 1;
    }
  }
  return { steps, commands, edits };
}
