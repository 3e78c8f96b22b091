/** The service's values by their names, and what is derived of them. */
export type * from "./schema";
export type { Sent } from "./client";

import type { NumberedEvent, WorkPage } from "./schema";

export type Event = NumberedEvent["event"];
export type EventOf<K extends Event["kind"]> = Extract<Event, { kind: K }>;
export type WorkEntry = WorkPage["entries"][number];
export type EntryOf<K extends WorkEntry["kind"]> = Extract<WorkEntry, { kind: K }>;
