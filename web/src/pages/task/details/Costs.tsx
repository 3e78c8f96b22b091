import { useTranslation } from "react-i18next";

import { useTaskUsage } from "@/api/work";
import { duration, money, number } from "@/i18n/format";
import { Failed } from "@/shell/Failed";

import { useTaskPage } from "../context";
import { Part } from "./Details";

/** What the task has used, attempt by attempt, beside its budget. */
export function Costs() {
  const { t } = useTranslation("task");
  const { view } = useTaskPage();
  const query = useTaskUsage(view.task.id);
  if (query.isError) return <Failed error={query.error} className="" onRetry={() => void query.refetch()} />;
  if (!query.data) return null;
  const { attempts, total, budget } = query.data;
  const rows = [...attempts.map((each) => ({ key: each.attempt, name: each.name, model: each.model, steps: number(each.steps), seconds: duration(each.seconds), usage: each.usage }))];
  const cell = "py-1 pl-4 text-right tabular";
  return (
    <Part title={t("costs")} aside={budget.cost ? <span className="text-sm text-muted">{t("costs.budget", { budget: money(budget.cost) })}</span> : null}>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what is wider than the page is scrolled by keys, too */}
      <div className="overflow-x-auto scroll-thin" tabIndex={0} role="region" aria-label={t("costs")}>
        <table className="w-full text-sm">
          <thead className="text-xs text-muted">
            <tr>
              <th className="py-1 text-left font-normal">{t("costs.attempt")}</th>
              <th className={`${cell} font-normal`}>{t("costs.steps")}</th>
              <th className={`${cell} font-normal`}>{t("costs.time")}</th>
              <th className={`${cell} font-normal`}>{t("costs.input")}</th>
              <th className={`${cell} font-normal`}>{t("costs.cached")}</th>
              <th className={`${cell} font-normal`}>{t("costs.output")}</th>
              <th className={`${cell} font-normal`}>{t("costs.cost")}</th>
            </tr>
          </thead>
          <tbody className="divide-y divide-line">
            {rows.map((row) => (
              <tr key={row.key}>
                <td className="py-1 whitespace-nowrap">
                  {row.name} <span className="text-muted">{row.model}</span>
                </td>
                <td className={cell}>{row.steps}</td>
                <td className={cell}>{row.seconds}</td>
                <td className={cell}>{number(row.usage.input_tokens)}</td>
                <td className={cell}>{number(row.usage.cached_input_tokens)}</td>
                <td className={cell}>{number(row.usage.output_tokens)}</td>
                <td className={cell}>{money(row.usage.cost)}</td>
              </tr>
            ))}
          </tbody>
          <tfoot className="border-t border-line-strong font-medium">
            <tr>
              <td className="py-1" colSpan={3}>
                {t("costs.total")}
              </td>
              <td className={cell}>{number(total.input_tokens)}</td>
              <td className={cell}>{number(total.cached_input_tokens)}</td>
              <td className={cell}>{number(total.output_tokens)}</td>
              <td className={cell}>{money(total.cost)}</td>
            </tr>
          </tfoot>
        </table>
      </div>
    </Part>
  );
}
