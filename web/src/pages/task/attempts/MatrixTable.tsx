import { Link } from "@tanstack/react-router";
import { CircleCheck, CircleX, Minus, SkipForward } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import type { Matrix } from "@/api/types";

type Column = Matrix["columns"][number];

/** What the order of the attempts is made from, the weightiest first. */
function Ranks({ matrix }: { matrix: Matrix }) {
  const { t } = useTranslation("task");
  const lines: { name: string; of: (column: Column) => ReactNode }[] = [
    { name: t("rank"), of: ({ rank }) => rank ?? "—" },
    { name: t("rank.verdict"), of: ({ attempt }) => (attempt.verdict ? t(`verdict.${attempt.verdict}`, { ns: "common" }) : "—") },
    { name: t("rank.fares"), of: ({ fares }) => (typeof fares === "number" ? `${Math.round(fares * 100)} %` : "—") },
    { name: t("rank.warnings"), of: ({ attempt, warnings }) => (attempt.verdict ? warnings.length : "—") },
    { name: t("rank.size"), of: ({ attempt }) => (attempt.verdict ? attempt.summary.added + attempt.summary.removed : "—") },
  ];
  return lines.map(({ name, of }, index) => (
    <tr key={name} className={index === 0 ? "bg-sunken font-medium" : ""}>
      <th scope="row" className={index === 0 ? "px-4 py-1.5 text-left font-medium" : "px-4 py-1.5 pl-7 text-left font-normal text-muted"}>
        {name}
      </th>
      <td />
      {matrix.columns.map((column) => (
        <td key={column.attempt.id} className="px-3 py-1.5 text-center tabular">
          {of(column)}
        </td>
      ))}
    </tr>
  ));
}

/** How the new tests of each attempt fare on the others: what tells attempts apart whose own checks all pass. */
function Crossed({ matrix }: { matrix: Matrix }) {
  const { t } = useTranslation("task");
  const pairs = new Map(matrix.crossed.map((pair) => [`${pair.tests_of} ${pair.on}`, pair]));
  const authors = matrix.columns.filter(({ attempt }) => matrix.crossed.some((pair) => pair.tests_of === attempt.name));
  if (authors.length === 0) return null;
  return (
    <>
      <tr className="bg-sunken font-medium">
        <th scope="row" colSpan={matrix.columns.length + 2} className="px-4 py-1.5 text-left font-medium">
          {t("crossed")}
        </th>
      </tr>
      {authors.map(({ attempt: author }) => (
        <tr key={author.id}>
          <th scope="row" className="px-4 py-1.5 pl-7 text-left font-normal text-muted">
            {t("crossed.of", { number: author.number })}
          </th>
          <td />
          {matrix.columns.map(({ attempt }) => {
            const pair = pairs.get(`${author.name} ${attempt.name}`);
            const total = pair ? pair.passed + pair.failed : 0;
            const said = pair ? t("crossed.pair", { of: author.number, on: attempt.number, passed: pair.passed, count: total }) : null;
            return (
              <td key={attempt.id} className="px-3 py-1.5 text-center tabular">
                {attempt.id === author.id ? (
                  <span className="text-faint">{t("crossed.own")}</span>
                ) : pair ? (
                  <span role="img" aria-label={said ?? ""} title={said ?? ""} className={pair.failed > 0 ? "inline-flex items-center gap-1 text-bad" : "inline-flex items-center gap-1 text-good"}>
                    {pair.failed > 0 ? <CircleX size={15} /> : <CircleCheck size={15} />}
                    {pair.passed}/{total}
                  </span>
                ) : (
                  <span role="img" aria-label={t("checks.notRun")} title={t("checks.notRun")} className="inline-flex text-faint">
                    <Minus size={15} />
                  </span>
                )}
              </td>
            );
          })}
        </tr>
      ))}
    </>
  );
}

/** Checks and the tests that do not pass everywhere, against the base and each attempt. */
export function MatrixTable({ matrix, task }: { matrix: Matrix; task: string }) {
  const { t } = useTranslation("task");
  return (
    <section aria-label={t("matrix")} className="overflow-hidden rounded-xl border border-line bg-surface">
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what is wider than the page is scrolled by keys, too */}
      <div tabIndex={0} role="region" aria-label={t("matrix")} className="overflow-x-auto scroll-thin">
        <table className="w-full text-sm">
          <thead>
            <tr className="border-b border-line text-xs text-muted">
              <th className="px-4 py-2 text-left font-medium">{t("matrix.check")}</th>
              <th className="px-3 py-2 font-medium">{t("checks.before")}</th>
              {matrix.columns.map(({ attempt }) => (
                <th key={attempt.id} className="px-3 py-2 font-medium">
                  <Link to="/tasks/$task" params={{ task }} search={{ attempt: attempt.name, tab: "checks" }} className="hover:underline">
                    {t("attempt", { number: attempt.number })}
                  </Link>
                </th>
              ))}
            </tr>
          </thead>
          <tbody className="divide-y divide-line">
            {matrix.rows.map((row) => (
              <tr key={`${row.check} ${row.test ?? ""}`} className={row.test ? "" : "bg-sunken font-medium"}>
                <th scope="row" className="max-w-md px-4 py-1.5 text-left font-normal">
                  <span className={row.test ? "block truncate pl-3 font-mono text-xs" : "block truncate font-mono text-xs font-medium"} title={row.test ?? row.check}>
                    {row.test ?? row.check}
                  </span>
                </th>
                <td className="px-3 py-1.5 text-center">
                  <Outcome outcome={row.base ?? null} />
                </td>
                {matrix.columns.map(({ attempt }) => (
                  <td key={attempt.id} className="px-3 py-1.5 text-center">
                    <Outcome outcome={row.attempts?.[attempt.name] ?? row.attempts?.[attempt.id] ?? null} />
                  </td>
                ))}
              </tr>
            ))}
            <Crossed matrix={matrix} />
            {matrix.columns.length > 1 && matrix.best ? <Ranks matrix={matrix} /> : null}
          </tbody>
        </table>
      </div>
      {matrix.hidden > 0 ? <p className="border-t border-line px-4 py-2 text-sm text-muted">{t("matrix.hidden", { count: matrix.hidden })}</p> : null}
    </section>
  );
}

function Outcome({ outcome }: { outcome: string | null }) {
  const { t } = useTranslation("task");
  const marks: Record<string, { icon: ReactNode; word: string }> = {
    passed: { icon: <CircleCheck size={15} className="text-good" />, word: t("outcome.passed") },
    failed: { icon: <CircleX size={15} className="text-bad" />, word: t("outcome.failed") },
    error: { icon: <CircleX size={15} className="text-bad" />, word: t("outcome.error") },
    skipped: { icon: <SkipForward size={15} className="text-faint" />, word: t("outcome.skipped") },
  };
  const mark = (outcome === null ? undefined : marks[outcome]) ?? { icon: <Minus size={15} className="text-faint" />, word: outcome ?? t("checks.notRun") };
  return (
    <span role="img" aria-label={mark.word} title={mark.word} className="inline-flex">
      {mark.icon}
    </span>
  );
}
