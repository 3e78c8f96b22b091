import type { CallView, NumberedEvent, PlanStep, SaidView, StepView } from "@/api/schema";

type Event = NumberedEvent["event"];
type Of<K extends Event["kind"]> = Extract<Event, { kind: K }>;

/**
 * What an attempt has done so far, as the service's own fold shows it (`/steps`), carried on by the events of the
 * stream. Adding an event that is in it already changes nothing, so the history that was fetched and the stream that
 * was joined may overlap.
 */
export interface Work {
  steps: StepView[];
  /** Said since the last reply; it stands at the head of the next step. */
  said: SaidView[];
  plan: PlanStep[];
  /** The number of the last event, within the attempt. */
  seq: number;
  /** A sentence about long work that goes on now, or that a request is sent again. */
  progress: string;
  /** Changes whenever what the tabs show may have changed. */
  checks: number;
  changes: number;
  commands: number;
  refusals: number;
  opened: number;
  finished: boolean;
}

export const NOTHING: Work = {
  steps: [],
  said: [],
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
export function withHistory(work: Work, steps: readonly StepView[], plan: readonly PlanStep[]): Work {
  const known = new Set(steps.map((step) => step.seq));
  const last = steps.at(-1)?.seq ?? 0;
  const later = work.steps.filter((step) => !known.has(step.seq) && step.seq > last);
  const told = new Map(work.steps.map((step) => [step.seq, step]));
  const merged = [...steps, ...later].map((step) => mergedWith(step, told.get(step.seq)));
  return { ...work, steps: renumbered(merged), said: work.said.filter((each) => each.seq > last), plan: work.plan.length > 0 ? work.plan : [...plan] };
}

/** Earlier steps in front. */
export function withEarlier(work: Work, steps: readonly StepView[]): Work {
  const first = work.steps[0]?.seq ?? Number.POSITIVE_INFINITY;
  return { ...work, steps: [...steps.filter((step) => step.seq < first), ...work.steps] };
}

/** Of two states of a step, the one whose calls are further on. */
function mergedWith(fetched: StepView, told: StepView | undefined): StepView {
  if (!told) return fetched;
  const done = (step: StepView): number => step.calls.filter((call) => call.status !== "running").length;
  const further = done(told) > done(fetched) || told.calls.length > fetched.calls.length;
  return further ? { ...told, said: fetched.said } : fetched;
}

function renumbered(steps: StepView[]): StepView[] {
  const first = steps[0]?.number ?? 1;
  return steps.map((step, index) => (step.number === first + index ? step : { ...step, number: first + index }));
}

/** Adds a batch of an attempt's events. Copies once for the batch, so that 50,000 events fold in a moment. */
export function withEvents(work: Work, events: readonly Event[]): Work {
  const next: Work = { ...work, steps: [...work.steps], said: [...work.said] };
  for (const event of events) {
    if (event.seq <= next.seq) continue;
    next.seq = event.seq;
    add(next, event);
  }
  return next;
}

function add(work: Work, event: Event): void {
  switch (event.kind) {
    case "said":
      if ((work.steps.at(-1)?.seq ?? 0) > event.seq) return;
      work.said.push({ seq: event.seq, at: event.at, why: event.why, text: event.item.text });
      return;
    case "replied":
      replied(work, event);
      return;
    case "tool_started":
      started(work, event);
      return;
    case "tool_returned":
      returned(work, event);
      return;
    case "progressed":
      work.progress = event.text;
      return;
    case "retried":
      work.progress = event.message;
      return;
    case "opened":
      work.opened += 1;
      work.progress = "";
      return;
    case "check_started":
      work.progress = event.check.command;
      return;
    case "checked":
      work.checks += 1;
      work.progress = "";
      return;
    case "request_refused":
      work.refusals += 1;
      return;
    case "resumed":
      interrupted(work, event);
      return;
    case "stopped":
      work.progress = "";
      return;
    case "finished":
      work.finished = true;
      work.progress = "";
      work.changes += 1;
      work.checks += 1;
      return;
    default:
      // A kind that this page does not show; those of a newer service are passed over, as the stream's readers do.
      return;
  }
}

function replied(work: Work, event: Of<"replied">): void {
  work.progress = "";
  if ((work.steps.at(-1)?.seq ?? 0) >= event.seq) return;
  const { items, usage } = event.reply;
  const text = items.map((item) => (item.kind === "assistant" ? item.text : "")).join("");
  const reasoning = items
    .map((item) => (item.kind === "reasoning" ? item.text : ""))
    .filter(Boolean)
    .join("\n\n");
  work.steps.push({
    number: (work.steps.at(-1)?.number ?? 0) + 1,
    seq: event.seq,
    at: event.at,
    seconds: event.seconds,
    text,
    reasoning,
    usage,
    said: work.said,
    calls: [],
  });
  work.said = [];
}

/** The step that an event belongs to, copied before it is written to: others may hold it. */
function stepOf(work: Work, seq: number): StepView | null {
  const index = work.steps.findLastIndex((step) => step.seq < seq);
  const step = work.steps[index];
  if (!step) return null;
  const copy = { ...step, calls: [...step.calls] };
  work.steps[index] = copy;
  return copy;
}

function started(work: Work, event: Of<"tool_started">): void {
  const step = stepOf(work, event.seq);
  if (!step) return;
  const call: CallView = {
    call_id: event.call_id,
    name: event.name,
    summary: event.summary,
    seq: event.seq,
    at: event.at,
    seconds: null,
    status: "running",
    arguments: event.command?.command ?? "",
    content: "",
    detail: null,
    files: false,
  };
  const index = step.calls.findIndex((other) => other.call_id === event.call_id);
  if (index < 0) step.calls.push(call);
  else if (step.calls[index]?.status === "interrupted") step.calls[index] = call;
}

function returned(work: Work, event: Of<"tool_returned">): void {
  const detail = event.detail ?? null;
  if (detail?.kind === "plan") work.plan = [...detail.plan];
  if (detail?.kind === "command") work.commands += 1;
  if (event.checkpoint !== null || detail?.kind === "files") work.changes += 1;
  const step = stepOf(work, event.seq);
  if (!step) return;
  const index = step.calls.findIndex((call) => call.call_id === event.call_id);
  const call: CallView = step.calls[index] ?? {
    call_id: event.call_id,
    name: event.name,
    summary: "",
    seq: event.seq,
    at: event.at,
    seconds: null,
    status: "running",
    arguments: "",
    content: "",
    detail: null,
    files: false,
  };
  const done: CallView = {
    ...call,
    seconds: Math.max(0, event.at - call.at),
    status: event.is_error || (detail?.kind === "command" && detail.exit_code !== 0 && detail.session === null) ? "failed" : "completed",
    content: event.content,
    detail,
    files: event.checkpointed,
  };
  if (index < 0) step.calls.push(done);
  else step.calls[index] = done;
}

/** Another process took over: what was running then may or may not have run. */
function interrupted(work: Work, event: Of<"resumed">): void {
  const step = stepOf(work, event.seq);
  if (!step) return;
  step.calls = step.calls.map((call) => (call.status === "running" ? { ...call, status: "interrupted" } : call));
}

/** How long the steps took and what they were, for the folded log: "worked for 4 min, 23 commands". */
export function tally(steps: readonly StepView[]): { commands: number; edits: number; failed: number } {
  let commands = 0;
  let edits = 0;
  let failed = 0;
  for (const step of steps) {
    for (const call of step.calls) {
      if (call.detail?.kind === "command") commands += 1;
      if (call.detail?.kind === "files") edits += 1;
      if (call.status === "failed") failed += 1;
    }
  }
  return { commands, edits, failed };
}
