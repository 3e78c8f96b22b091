import type { TaskLine, TaskPage } from "@/api/types";

/** What a list shows of all tasks. */
export interface ListFilter {
  tab: "tasks" | "reviews" | "archived";
  search: string;
  status: TaskLine["status"] | null;
  verdict: TaskLine["verdict"] | null;
  unread: boolean;
  mine: boolean;
  sort: "updated" | "created";
}

export interface Pages {
  pages: TaskPage[];
  pageParams: unknown[];
}

/** Whether a task belongs into the list. A search is the service's to answer: undefined where only it knows. */
export function fits(task: TaskLine, filter: ListFilter): boolean | undefined {
  if (task.archived !== (filter.tab === "archived")) return false;
  if (filter.tab === "reviews" && task.mode !== "review") return false;
  if (filter.status !== null && task.status !== filter.status) return false;
  if (filter.verdict !== null && task.verdict !== filter.verdict) return false;
  if (filter.unread && !task.unread) return false;
  return filter.search === "" && !filter.mine ? true : undefined;
}

/** The newer of two states of a task: a stream that is resumed may tell of an older one again. */
function newer(known: TaskLine, told: TaskLine): TaskLine {
  return told.seq < known.seq || (told.seq === known.seq && told.updated < known.updated) ? known : told;
}

/** The pages with `told` in them: where it stands already, else at the top if it belongs there. */
export function withLine(held: Pages, told: TaskLine, filter: ListFilter): Pages {
  const belongs = fits(told, filter);
  const found = held.pages.some((page) => page.tasks.some((task) => task.id === told.id));
  const pages = held.pages.map((page) => {
    const index = page.tasks.findIndex((task) => task.id === told.id);
    const known = page.tasks[index];
    if (!known) return page;
    if (belongs === false) return { ...page, tasks: page.tasks.filter((task) => task.id !== told.id) };
    const next = newer(known, told);
    return next === known ? page : { ...page, tasks: page.tasks.with(index, next) };
  });
  const first = pages[0];
  if (!found && belongs === true && first) pages[0] = { ...first, tasks: [told, ...first.tasks] };
  return pages.some((page, index) => page !== held.pages[index]) ? { ...held, pages } : held;
}

export function withoutLine(held: Pages, id: string): Pages {
  if (!held.pages.some((page) => page.tasks.some((task) => task.id === id))) return held;
  return {
    ...held,
    pages: held.pages.map((page) => ({ ...page, tasks: page.tasks.filter((task) => task.id !== id) })),
  };
}

export type GroupName = "needs" | "running" | "waiting" | "done";

export interface Group {
  name: GroupName;
  tasks: TaskLine[];
}

export function groupOf(task: TaskLine): GroupName {
  if (task.status === "running") return "running";
  if (task.status === "queued") return "waiting";
  return task.needs && !task.archived ? "needs" : "done";
}

/** What needs the person first, then what is at work, what waits, and the rest, each in the list's order. */
export function grouped(tasks: readonly TaskLine[], sort: ListFilter["sort"]): Group[] {
  const groups: Record<GroupName, TaskLine[]> = { needs: [], running: [], waiting: [], done: [] };
  for (const task of tasks) groups[groupOf(task)].push(task);
  const by = (a: TaskLine, b: TaskLine): number =>
    (sort === "created" ? b.created - a.created : b.updated - a.updated) || (a.id < b.id ? 1 : -1);
  // What is at work keeps its place while it works: by when it was made, or rows would jump at every step.
  const still = (a: TaskLine, b: TaskLine): number => b.created - a.created || (a.id < b.id ? 1 : -1);
  return (Object.keys(groups) as GroupName[])
    .map((name) => ({ name, tasks: groups[name].sort(name === "running" || name === "waiting" ? still : by) }))
    .filter((group) => group.tasks.length > 0);
}
