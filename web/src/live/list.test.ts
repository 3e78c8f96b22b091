import { describe, expect, it } from "vitest";

import { grouped, type ListFilter, type Pages, withLine, withoutLine } from "./list";
import { taskLine } from "./testing";

const all: ListFilter = { tab: "tasks", search: "", status: null, verdict: null, unread: false, mine: false, sort: "updated" };
const held = (...tasks: ReturnType<typeof taskLine>[]): Pages => ({ pages: [{ tasks, cursor: null }], pageParams: [null] });
const ids = (pages: Pages): string[] => pages.pages.flatMap((page) => page.tasks.map((task) => task.id));

describe("a task that the list's stream tells of", () => {
  it("takes the place of its older state", () => {
    const pages = withLine(held(taskLine({ id: "a" }), taskLine({ id: "b", seq: 3 })), taskLine({ id: "b", seq: 4, title: "new" }), all);
    expect(pages.pages[0]?.tasks.map((task) => task.title)).toEqual(["Fix the rounding of totals", "new"]);
  });

  it("changes nothing when it is older than what is held, as after a reconnect", () => {
    const before = held(taskLine({ id: "a", seq: 9 }));
    expect(withLine(before, taskLine({ id: "a", seq: 8 }), all)).toBe(before);
  });

  it("comes to the top when it is new", () => {
    expect(ids(withLine(held(taskLine({ id: "a" })), taskLine({ id: "b" }), all))).toEqual(["b", "a"]);
  });

  it("leaves a list that it no longer belongs to", () => {
    expect(ids(withLine(held(taskLine({ id: "a" })), taskLine({ id: "a", archived: true, seq: 11 }), all))).toEqual([]);
    const running = { ...all, status: "running" } as const;
    expect(ids(withLine(held(taskLine({ id: "a", status: "running" })), taskLine({ id: "a", seq: 12 }), running))).toEqual([]);
    const failing = { ...all, verdict: "failing" } as const;
    expect(ids(withLine(held(taskLine({ id: "a", verdict: "failing" })), taskLine({ id: "a", verdict: "verified", seq: 12 }), failing))).toEqual([]);
    expect(ids(withLine(held(), taskLine({ id: "b", verdict: "failing" }), failing))).toEqual(["b"]);
  });

  it("is not put among the results of a search, which is the service's to answer", () => {
    const found = { ...all, search: "round" };
    expect(ids(withLine(held(taskLine({ id: "a" })), taskLine({ id: "b" }), found))).toEqual(["a"]);
    expect(ids(withLine(held(taskLine({ id: "a" })), taskLine({ id: "a", seq: 12 }), found))).toEqual(["a"]);
  });

  it("goes when it was deleted", () => {
    expect(ids(withoutLine(held(taskLine({ id: "a" }), taskLine({ id: "b" })), "a"))).toEqual(["b"]);
  });
});

describe("the groups of the list", () => {
  it("begin with what needs the person; rows at work keep their places", () => {
    const groups = grouped(
      [
        taskLine({ id: "old", updated: 5 }),
        taskLine({ id: "late", status: "running", created: 2, updated: 99 }),
        taskLine({ id: "early", status: "running", created: 1, updated: 100 }),
        taskLine({ id: "look", needs: "review", updated: 3 }),
        taskLine({ id: "fresh", updated: 50 }),
        taskLine({ id: "wait", status: "queued" }),
        taskLine({ id: "kept", needs: "review", archived: true, updated: 1 }),
      ],
      "updated",
    );
    expect(groups.map((group) => [group.name, group.tasks.map((task) => task.id)])).toEqual([
      ["needs", ["look"]],
      ["running", ["late", "early"]],
      ["waiting", ["wait"]],
      ["done", ["fresh", "old", "kept"]],
    ]);
  });
});
