import { getRouteApi, Link } from "@tanstack/react-router";
import { ArrowLeft, Check, Columns3, Crown } from "lucide-react";
import { useTranslation } from "react-i18next";

import { queries } from "@/api/query";
import { useTask, useTaskActs } from "@/api/tasks";
import type { Matrix, TaskView } from "@/api/types";
import { useMatrix } from "@/api/work";
import { duration, money } from "@/i18n/format";
import { spoken } from "@/i18n/said";
import { StatusBadge } from "@/parts/Status";
import { sayFailed } from "@/shell/errors";
import { Failed } from "@/shell/Failed";
import { Badge, Delta } from "@/ui/Badge";
import { Button, buttonClass } from "@/ui/Button";
import { cx } from "@/ui/class";
import { Select } from "@/ui/Field";
import { Empty, Note, Working } from "@/ui/States";
import { say } from "@/ui/toast";

import { Between } from "./Between";
import { MatrixTable } from "./MatrixTable";

const route = getRouteApi("/shell/tasks/$task/attempts");

/** The tries at a turn side by side: what each came to, check by check, and which is handed over. */
export function Attempts() {
  const { t } = useTranslation("task");
  const { task } = route.useParams();
  const { turn } = route.useSearch();
  const view = useTask(task);
  const number = turn ?? view.data?.task.turn ?? 1;
  const matrix = useMatrix(task, number, view.data !== undefined);
  if (view.isPending || matrix.isPending) return <Working className="flex-1">{t("attempts.loading")}</Working>;
  if (!view.data) return <Failed error={view.error} title={t("failed")} onRetry={() => void view.refetch()} />;
  if (!matrix.data) return <Failed error={matrix.error} title={t("attempts.failed")} onRetry={() => void matrix.refetch()} />;
  return <Compared view={view.data} matrix={matrix.data} />;
}

function Compared({ view, matrix }: { view: TaskView; matrix: Matrix }) {
  const { t } = useTranslation("task");
  const navigate = route.useNavigate();
  const { task } = view;
  const many = matrix.columns.length > 1;
  return (
    <div className="mx-auto flex w-full max-w-6xl flex-col gap-5 px-3 py-5 sm:px-6">
      <header className="flex items-center gap-3">
        <Link to="/tasks/$task" params={{ task: task.id }} aria-label={t("attempts.back")} className={`${buttonClass("quiet", "sm")} w-7 px-0!`}>
          <ArrowLeft size={16} />
        </Link>
        <div className="min-w-0 flex-1">
          <h1 className="truncate text-lg font-semibold">{t("attempts.title", { title: task.title })}</h1>
          <p className="text-sm text-muted">{t("attempts.about", { count: matrix.columns.length })}</p>
        </div>
        {view.turns.length > 1 ? (
          <div className="w-36">
            <Select
              aria-label={t("attempts.turn")}
              value={String(matrix.turn)}
              onChange={(value) => void navigate({ search: { turn: Number(value) } })}
              options={view.turns.map((turn) => ({ value: String(turn.number), label: t("attempts.turnNumber", { number: turn.number }) }))}
            />
          </div>
        ) : null}
      </header>
      {matrix.why ? (
        <Note title={t("attempts.why")}>
          {spoken(matrix.why)}
          {matrix.chosen && matrix.best && matrix.chosen !== matrix.best ? ` ${t("attempts.overruled")}` : ""}
        </Note>
      ) : null}
      <Cards view={view} matrix={matrix} />
      {matrix.rows.length > 0 || matrix.crossed.length > 0 ? (
        <MatrixTable matrix={matrix} task={task.id} />
      ) : (
        <Empty icon={<Columns3 size={32} />} title={t("matrix.none")}>
          {t("matrix.none.about")}
        </Empty>
      )}
      {many ? <Between task={task.id} matrix={matrix} /> : null}
    </div>
  );
}

function Cards({ view, matrix }: { view: TaskView; matrix: Matrix }) {
  const { t } = useTranslation("task");
  const { task } = view;
  const acts = useTaskActs(task.id);
  const mayChoose = view.acts.includes("choose");
  return (
    <ul className="grid grid-cols-[repeat(auto-fit,minmax(15rem,1fr))] gap-3">
      {matrix.columns.map(({ attempt, warnings }) => {
        const chosen = matrix.chosen === attempt.id;
        return (
          <li key={attempt.id} className={cx("flex flex-col gap-2 rounded-xl border bg-surface p-3.5", chosen ? "border-accent" : "border-line")}>
            <div className="flex items-center gap-2">
              <h2 className="flex-1 font-medium">
                <Link to="/tasks/$task" params={{ task: task.id }} search={{ attempt: attempt.name }} className="hover:underline">
                  {t("attempt", { number: attempt.number })}
                </Link>
              </h2>
              {matrix.best === attempt.id ? (
                <span title={t("attempts.best")}>
                  <Crown size={15} role="img" aria-label={t("attempts.best")} className="text-warn" />
                </span>
              ) : null}
              <StatusBadge status={attempt.status} verdict={attempt.verdict} />
            </div>
            <p className="text-sm text-muted tabular">
              {attempt.summary.files > 0 ? (
                <>
                  {t("files", { count: attempt.summary.files })} <Delta added={attempt.summary.added} removed={attempt.summary.removed} /> ·{" "}
                </>
              ) : null}
              {t("log.steps", { count: attempt.summary.steps })}
              {attempt.began && attempt.ended ? ` · ${duration(attempt.ended - attempt.began)}` : ""}
              {attempt.summary.usage.cost ? ` · ${money(attempt.summary.usage.cost)}` : ""}
            </p>
            {warnings.length > 0 ? (
              <p className="text-sm text-warn" title={warnings.join("\n")}>
                {t("attempts.warnings", { count: warnings.length })}
              </p>
            ) : null}
            <div className="mt-auto pt-1">
              {chosen ? (
                <Badge tone="accent" icon={<Check size={13} />}>
                  {t("chosen")}
                </Badge>
              ) : mayChoose && attempt.verdict ? (
                <Button
                  size="sm"
                  busy={acts.choose.isPending && acts.choose.variables === attempt.name && t("attempts.choosing")}
                  onClick={() =>
                    acts.choose.mutate(attempt.name, {
                      onSuccess: () => {
                        say({ kind: "done", title: t("attempts.chose", { number: attempt.number }) });
                        void queries.invalidateQueries({ queryKey: ["work", task.id, "matrix"] });
                      },
                      onError: (error) => sayFailed(error, t("attempts.chooseFailed")),
                    })
                  }
                >
                  {t("attempts.choose")}
                </Button>
              ) : null}
            </div>
          </li>
        );
      })}
    </ul>
  );
}
