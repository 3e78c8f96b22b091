import { getRouteApi } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { type TaskListener, useTaskLogs } from "@/api/logs";
import { queries } from "@/api/query";
import { markSeen, takeView, taskKey, useTask } from "@/api/tasks";
import type { AttemptLine, TaskView } from "@/api/types";
import { outdate, type Part } from "@/api/work";
import { Failed } from "@/shell/Failed";
import { useShortcuts } from "@/shell/keys";
import { Segments } from "@/ui/Field";
import { Empty, Working } from "@/ui/States";
import { TabPanel, Tabs } from "@/ui/Tabs";

import { Conversation } from "./Conversation";
import { TaskContext, type TaskPage } from "./context";
import { Header } from "./Header";
import { TABS, type TaskSearch } from "./search";

const route = getRouteApi("/shell/tasks/$task");

const PANELS = {
  changes: lazy(() => import("./changes/Changes").then((module) => ({ default: module.Changes }))),
  checks: lazy(() => import("./checks/Checks").then((module) => ({ default: module.Checks }))),
  terminal: lazy(() => import("./terminal/Terminal").then((module) => ({ default: module.Terminal }))),
  files: lazy(() => import("./files/Files").then((module) => ({ default: module.Files }))),
  details: lazy(() => import("./details/Details").then((module) => ({ default: module.Details }))),
};

export function Task() {
  const { t } = useTranslation("task");
  const { task } = route.useParams();
  const query = useTask(task);
  if (query.isPending) return <Working className="flex-1">{t("loading")}</Working>;
  if (!query.data) return <Failed error={query.error} title={t("failed")} onRetry={() => void query.refetch()} />;
  return <Loaded key={query.data.task.id} view={query.data} />;
}

/** Which attempt is looked at: the one in the address, else the chosen or the first of the newest turn. */
export function shownAttempt(view: TaskView, named: string | undefined): AttemptLine | null {
  const all = view.turns.flatMap((turn) => turn.attempts);
  const byName = named === undefined ? undefined : all.find((attempt) => attempt.name === named);
  const newest = view.turns.at(-1)?.attempts ?? [];
  return byName ?? newest.find((attempt) => attempt.chosen) ?? newest[0] ?? all.at(-1) ?? null;
}

function useListener(id: string): TaskListener {
  return useMemo(
    () => ({
      onTask: takeView,
      onGone: () => void queries.invalidateQueries({ queryKey: taskKey(id) }),
      onWork: (attempt, before, after) => {
        const parts: Part[] = [];
        if (after.checks !== before.checks) parts.push("checks");
        if (after.changes !== before.changes) parts.push("diff", "files");
        if (after.commands !== before.commands || after.checks !== before.checks) parts.push("commands");
        if (after.opened !== before.opened || after.refusals !== before.refusals || after.finished !== before.finished) parts.push("view");
        if (after.finished !== before.finished) parts.push("citations", "timeline");
        outdate({ task: id, attempt }, ...parts);
      },
    }),
    [id],
  );
}

function Loaded({ view }: { view: TaskView }) {
  const { t } = useTranslation("task");
  const navigate = route.useNavigate();
  const search = route.useSearch();
  const { id, seq, unread } = view.task;
  const logs = useTaskLogs(id, seq, useListener(id));
  const [side, setSide] = useState<"talk" | "work">(search.tab ? "work" : "talk");

  useEffect(() => {
    if (unread) void markSeen(id, seq);
  }, [id, seq, unread]);
  useEffect(() => {
    const before = document.title;
    document.title = `${view.task.title} · Journeyman`;
    return () => {
      document.title = before;
    };
  }, [view.task.title]);

  const show = useCallback(
    (place: TaskSearch) => {
      setSide("work");
      void navigate({ search: (now) => ({ attempt: now.attempt, ...place }), replace: true });
    },
    [navigate],
  );
  const follow = useCallback(() => {
    void navigate({ search: (now) => (now.tab ? { tab: now.tab } : {}), replace: true });
  }, [navigate]);
  const attempt = shownAttempt(view, search.attempt);
  const attemptId = attempt?.id;
  const page: TaskPage = useMemo(
    () => ({ view, logs, attempt, ref: attemptId ? { task: id, attempt: attemptId } : null, show, search, follow }),
    [view, logs, attempt, attemptId, id, show, search, follow],
  );
  const tab = search.tab ?? (view.task.mode === "ask" ? "terminal" : "changes");
  useShortcuts(Object.fromEntries(TABS.map((name, index) => [String(index + 1), () => show({ tab: name })])));

  return (
    <TaskContext value={page}>
      <div className="flex min-h-0 flex-col h-[calc(100dvh-3.25rem)] flex-none">
        <Header />
        <div className="border-b border-line px-3 py-2 lg:hidden">
          <Segments
            label={t("sides")}
            value={side}
            onChange={setSide}
            options={[
              { value: "talk", label: t("side.talk") },
              { value: "work", label: t("side.work") },
            ]}
          />
        </div>
        <div className="flex min-h-0 flex-1">
          <section
            aria-label={t("side.talk")}
            data-shown={side === "talk"}
            className="flex min-h-0 w-full flex-col border-line max-lg:data-[shown=false]:hidden lg:w-[42%] lg:max-w-2xl lg:min-w-96 lg:border-r"
          >
            <Conversation />
          </section>
          <section
            aria-label={t("side.work")}
            data-shown={side === "work"}
            className="flex min-h-0 min-w-0 flex-1 flex-col max-lg:data-[shown=false]:hidden"
          >
            <Tabs inset label={t("side.work")} value={tab} onChange={(next) => show({ tab: next })} tabs={TABS.map((value) => ({ value, label: t(`tab.${value}`) }))}>
              {TABS.map((name) => {
                const Panel = PANELS[name];
                return (
                  <TabPanel key={name} value={name} className="flex min-h-0 flex-1 flex-col outline-none data-[state=inactive]:hidden">
                    {name !== tab ? null : page.ref ? (
                      <Suspense fallback={<Working>{t(`tab.loading.${name}`)}</Working>}>
                        <Panel />
                      </Suspense>
                    ) : (
                      <Empty title={t("noAttempt.title")}>{t("noAttempt.about")}</Empty>
                    )}
                  </TabPanel>
                );
              })}
            </Tabs>
          </section>
        </div>
      </div>
    </TaskContext>
  );
}
