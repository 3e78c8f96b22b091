import { createContext, useContext } from "react";

import type { TaskLogs } from "@/api/logs";
import type { AttemptLine, TaskView } from "@/api/types";
import type { AttemptRef } from "@/api/work";

import type { TaskSearch } from "./search";

/** What the parts of a task's page share. */
export interface TaskPage {
  view: TaskView;
  logs: TaskLogs;
  /** The attempt that the right side shows. */
  attempt: AttemptLine | null;
  ref: AttemptRef | null;
  /** Goes to a place of the right side: a tab, a file, a chunk, lines of it. */
  show: (place: TaskSearch) => void;
  search: TaskSearch;
  /** Goes to what is newest, whichever attempt was looked at. */
  follow: () => void;
}

export const TaskContext = createContext<TaskPage | null>(null);

export function useTaskPage(): TaskPage {
  const page = useContext(TaskContext);
  if (!page) throw new Error("outside a task's page");
  return page;
}
