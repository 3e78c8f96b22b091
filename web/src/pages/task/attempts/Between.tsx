import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { useTranslation } from "react-i18next";

import type { Matrix } from "@/api/types";
import { fetchWholeDiff, useDiff } from "@/api/work";
import { Failed } from "@/shell/Failed";
import { Select } from "@/ui/Field";
import { Empty, Working } from "@/ui/States";

import { PlainDiff } from "../changes/PlainDiff";

const route = getRouteApi("/shell/tasks/$task/attempts");

/** What differs between two attempts' results. */
export function Between({ task, matrix }: { task: string; matrix: Matrix }) {
  const { t } = useTranslation("task");
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const done = matrix.columns.filter(({ attempt }) => attempt.verdict).map(({ attempt }) => attempt);
  const chosen = done.find((attempt) => attempt.id === matrix.chosen) ?? done[0];
  const left = done.find((attempt) => attempt.name === search.left) ?? chosen;
  const right = done.find((attempt) => attempt.name === search.right && attempt !== left) ?? done.find((attempt) => attempt !== left);
  if (!left || !right) return null;
  const options = done.map((attempt) => ({ value: attempt.name, label: t("attempt", { number: attempt.number }) }));
  const set = (part: { left?: string; right?: string }): void =>
    void navigate({ search: (before) => ({ ...before, left: left.name, right: right.name, ...part }), replace: true });
  return (
    <section aria-label={t("between")} className="overflow-hidden rounded-xl border border-line bg-surface">
      <header className="flex flex-wrap items-center gap-3 border-b border-line px-4 py-2.5">
        <h2 className="flex-1 font-medium">{t("between")}</h2>
        <div className="w-36">
          <Select aria-label={t("between.from")} value={left.name} onChange={(value) => set({ left: value })} options={options} />
        </div>
        <span aria-hidden>→</span>
        <div className="w-36">
          <Select aria-label={t("between.to")} value={right.name} onChange={(value) => set({ right: value })} options={options.filter((option) => option.value !== left.name)} />
        </div>
      </header>
      <Compared task={task} left={left.name} right={right.id} />
    </section>
  );
}

function Compared({ task, left, right }: { task: string; left: string; right: string }) {
  const { t } = useTranslation("task");
  const wish = useMemo(() => ({ against: left, whitespace: "show" as const }), [left]);
  const query = useDiff({ task, attempt: right }, wish);
  const wholeOf = useCallback((path: string) => fetchWholeDiff({ task, attempt: right }, wish, path), [task, right, wish]);
  if (query.isPending) return <Working>{t("diff.loading")}</Working>;
  if (!query.data) return <Failed error={query.error} title={t("diff.failed")} onRetry={() => void query.refetch()} />;
  if (query.data.files.length === 0) return <Empty title={t("between.same")}>{t("between.sameAbout")}</Empty>;
  return <PlainDiff files={query.data.files} label={t("between")} wholeOf={wholeOf} />;
}
