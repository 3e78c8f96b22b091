import type { Log } from "@/api/logs";
import type { AttemptLine, Message, TaskView, TurnView, WorkEntry } from "@/api/types";

/** What stands in the conversation, one below the other. */
export type Item =
  | { kind: "prompt"; key: string; turn: TurnView }
  | { kind: "attempts"; key: string; turn: TurnView; shown: AttemptLine }
  | { kind: "plan"; key: string; attempt: AttemptLine; live: boolean }
  | { kind: "log"; key: string; attempt: AttemptLine; open: boolean; live: boolean }
  | { kind: "earlier"; key: string; attempt: AttemptLine }
  | { kind: "entry"; key: string; attempt: AttemptLine; entry: WorkEntry }
  | { kind: "draft"; key: string; attempt: AttemptLine }
  | { kind: "progress"; key: string; attempt: AttemptLine }
  | { kind: "answer"; key: string; attempt: AttemptLine }
  | { kind: "message"; key: string; message: Message }
  | { kind: "state"; key: string; turn: TurnView };

/** Entries under the folded log of an attempt at work: enough to see what it is at. */
export const TAIL = 3;

export interface Shown {
  /** The attempt that is shown of each turn, by the turn's number. */
  attempts: ReadonlyMap<number, AttemptLine>;
  opened: ReadonlySet<string>;
  logOf: (attempt: string) => Log;
  /** Whether its model writes something that can be read. */
  writes: (attempt: string) => boolean;
}

const working = (attempt: AttemptLine): boolean => attempt.status === "running";

/** The last text of a model that came without a call is its answer; the log does not show it again. */
function withoutAnswer(entries: WorkEntry[], attempt: AttemptLine): WorkEntry[] {
  if (working(attempt)) return entries;
  const last = entries.findLastIndex((entry) => entry.kind === "step");
  const step = entries[last];
  return step?.kind === "step" && step.calls.length === 0 ? entries.filter((_, index) => index !== last) : entries;
}

export function itemsOf(view: TaskView, shown: Shown): Item[] {
  const items: Item[] = [];
  for (const turn of view.turns) {
    items.push({ kind: "prompt", key: `prompt ${turn.number}`, turn });
    const attempt = shown.attempts.get(turn.number);
    if (attempt) {
      if (turn.attempts.length > 1) items.push({ kind: "attempts", key: `attempts ${turn.number}`, turn, shown: attempt });
      items.push(...workItems(attempt, shown));
    }
    if (turn.number === view.task.turn) {
      for (const message of view.messages) items.push({ kind: "message", key: `message ${message.number}`, message });
      if (["queued", "interrupted", "failed", "cancelled"].includes(turn.status)) items.push({ kind: "state", key: `state ${turn.number}`, turn });
    }
  }
  return items;
}

function workItems(attempt: AttemptLine, shown: Shown): Item[] {
  const items: Item[] = [];
  const log = shown.logOf(attempt.id);
  const live = working(attempt);
  const open = shown.opened.has(attempt.id);
  if (attempt.status === "queued") return items;
  items.push({ kind: "plan", key: `plan ${attempt.id}`, attempt, live });
  items.push({ kind: "log", key: `log ${attempt.id}`, attempt, open, live });
  if (open && (log.before !== null || log.loading !== null || log.error !== null)) items.push({ kind: "earlier", key: `earlier ${attempt.id}`, attempt });
  const entries = open ? withoutAnswer(log.entries, attempt) : live ? log.entries.slice(-TAIL) : [];
  for (const entry of entries) items.push({ kind: "entry", key: `entry ${attempt.id} ${entry.seq}`, attempt, entry });
  if (live && shown.writes(attempt.id)) items.push({ kind: "draft", key: `draft ${attempt.id}`, attempt });
  if (live) items.push({ kind: "progress", key: `progress ${attempt.id}`, attempt });
  else items.push({ kind: "answer", key: `answer ${attempt.id}`, attempt });
  return items;
}
