import { describe, expect, it } from "vitest";

import type { Event, WorkEntry } from "@/api/types";

import recorded from "./recorded.json";
import { NOTHING, withEvents, withHistory, type Work } from "./work";

/** Events as the service keeps them, and the entries that its own fold makes of them. */
const LOGS = recorded.logs as unknown as { name: string; events: Event[]; entries: WorkEntry[] }[];

describe.each(LOGS)("$name", ({ events, entries }) => {
  it("comes to the same here as in the service", () => {
    expect(withEvents(NOTHING, events).entries).toEqual(entries);
  });

  it("comes to the same in batches of any size, and told twice", () => {
    for (const size of [1, 2, 5]) {
      let work: Work = NOTHING;
      for (let from = 0; from < events.length; from += size) {
        work = withEvents(work, events.slice(Math.max(0, from - 2), from + size));
      }
      expect(work.entries).toEqual(entries);
    }
  });

  it("is the whole history that is fetched, under the stream from anywhere", () => {
    for (let joined = 0; joined <= events.length; joined += 3) {
      expect(withHistory(withEvents(NOTHING, events.slice(joined)), entries, []).entries).toEqual(entries);
    }
  });
});
