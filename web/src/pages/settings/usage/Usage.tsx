import type { TFunction } from "i18next";
import { ChartColumn } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { useUsage } from "@/api/administration";
import { useGroups } from "@/api/people";
import type { UsageLine, UsageReport } from "@/api/types";
import { compact, duration, money, number } from "@/i18n/format";
import { Failed } from "@/shell/Failed";
import { Segments } from "@/ui/Field";
import { Panel } from "@/ui/Panel";
import { Empty, Working } from "@/ui/States";

import { Cell, Head, Table } from "../Table";
import { Chart } from "./Chart";
import { daysOf, type Measure, REST, seriesOf, type Split } from "./series";

const SPANS = ["7", "30", "90"] as const;
const SPLITS = ["outcome", "model", "person", "group"] as const;
const MEASURES = ["cost", "tokens", "attempts", "seconds"] as const;

const HUES = ["var(--accent)", "var(--syntax-type)", "var(--syntax-keyword)", "var(--syntax-number)", "var(--syntax-string)", "var(--line-strong)"];
const OUTCOMES: Record<string, string> = {
  verified: "var(--good)",
  answered: "var(--accent)",
  unverified: "var(--warn)",
  unchanged: "var(--line-strong)",
  failing: "var(--bad)",
  failed: "var(--syntax-number)",
  cancelled: "var(--faint)",
  running: "var(--syntax-type)",
  queued: "var(--line)",
  interrupted: "var(--syntax-keyword)",
};

const figureOf = (measure: Measure) => (value: number): string =>
  measure === "cost" ? money(value) : measure === "seconds" ? (value ? duration(value) : "0") : compact(value);

function dayFrom(today: number, by: number): string {
  return new Date(today + by * 86_400_000).toISOString().slice(0, 10);
}

export function Usage() {
  const { t } = useTranslation("settings");
  const [span, setSpan] = useState<(typeof SPANS)[number]>("30");
  const [split, setSplit] = useState<Split>("outcome");
  const [measure, setMeasure] = useState<Measure>("cost");
  const [today] = useState(() => Date.now());
  const until = dayFrom(today, 1);
  const since = dayFrom(today, 1 - Number(span));
  const report = useUsage(since, until, ["day", "outcome", "model", "person", "group"]);
  return (
    <>
      <div className="flex flex-wrap gap-3">
        <Segments label={t("usage.span")} value={span} onChange={setSpan} options={SPANS.map((value) => ({ value, label: t("days", { count: Number(value) }) }))} />
        <Segments label={t("usage.measure")} value={measure} onChange={setMeasure} options={MEASURES.map((value) => ({ value, label: t(`measure.${value}`) }))} />
      </div>
      {report.isPending ? (
        <Working>{t("usage.loading")}</Working>
      ) : !report.data ? (
        <Failed error={report.error} className="" onRetry={() => void report.refetch()} />
      ) : report.data.lines.length === 0 ? (
        <Empty icon={<ChartColumn size={30} />} title={t("usage.none")}>
          {t("usage.noneAbout")}
        </Empty>
      ) : (
        <Shown report={report.data} span={{ since, until }} split={split} onSplit={setSplit} measure={measure} />
      )}
    </>
  );
}

function useNameOf(lines: UsageLine[], split: Split): (key: string) => string {
  const { t } = useTranslation("settings");
  const people = useMemo(() => new Map(lines.map((line) => [line.person ?? "", line.person_name ?? ""])), [lines]);
  const groups = useGroups().data;
  return (key) => {
    if (key === REST) return t("usage.rest");
    if (split === "group") return groups?.find((group) => group.id === key)?.name ?? (key || t("usage.noGroup"));
    if (split === "person") return people.get(key) || t("usage.nobody");
    if (split === "outcome") return outcomeName(key, t);
    return key || "—";
  };
}

const NAMED = new Set(["verified", "unverified", "failing", "unchanged", "answered", "queued", "running", "interrupted", "failed", "cancelled", "done"]);

function outcomeName(key: string, t: TFunction<"settings">): string {
  return NAMED.has(key) ? t(`outcome.${key as "verified"}`) : key || "—";
}

function Shown({
  report,
  span,
  split,
  onSplit,
  measure,
}: {
  report: UsageReport;
  span: { since: string; until: string };
  split: Split;
  onSplit: (split: Split) => void;
  measure: Measure;
}) {
  const { t } = useTranslation("settings");
  const { lines, total } = report;
  const figure = figureOf(measure);
  const name = useNameOf(lines, split);
  const series = seriesOf(lines, split, measure);
  const days = daysOf(lines, split, measure, span.since, span.until);
  const colour = (key: string): string =>
    (split === "outcome" && key !== REST ? OUTCOMES[key] : undefined) ?? HUES[series.findIndex((each) => each.key === key) % HUES.length] ?? "var(--line-strong)";
  const totals = [
    [t("measure.cost"), money(total.cost)],
    [t("measure.tokens"), number(total.tokens)],
    [t("measure.attempts"), number(total.attempts)],
    [t("measure.seconds"), duration(total.seconds)],
  ] as const;
  return (
    <>
      <dl className="grid grid-cols-2 gap-3 sm:grid-cols-4">
        {totals.map(([what, value]) => (
          <div key={what} className="rounded-xl border border-line bg-surface px-4 py-3">
            <dt className="text-sm text-muted">{what}</dt>
            <dd className="text-xl font-semibold tabular">{value}</dd>
          </div>
        ))}
      </dl>
      <Panel
        title={t("usage.days", { what: t(`measure.${measure}`) })}
        aside={<Segments label={t("usage.by")} value={split} onChange={onSplit} options={SPLITS.map((value) => ({ value, label: t(`split.${value}`) }))} />}
      >
        <Chart days={days} label={t("usage.chart", { what: t(`measure.${measure}`), by: t(`split.${split}`) })} colour={colour} name={name} figure={figure} />
        <ul className="mt-3 flex flex-wrap gap-x-4 gap-y-1 text-sm">
          {series.map((each) => (
            <li key={each.key} className="inline-flex items-center gap-1.5">
              <svg viewBox="0 0 10 10" aria-hidden className="size-2.5">
                <rect width="10" height="10" rx="2" fill={colour(each.key)} />
              </svg>
              {name(each.key)}
              <span className="text-muted tabular">{figure(each.total)}</span>
            </li>
          ))}
        </ul>
      </Panel>
      <BreakDown lines={lines} split={split} name={name} />
    </>
  );
}

/** Every value of a split with all that was used. */
function BreakDown({ lines, split, name }: { lines: UsageLine[]; split: Split; name: (key: string) => string }) {
  const { t } = useTranslation("settings");
  const sums = new Map<string, { cost: number; tokens: number; attempts: number; seconds: number }>();
  for (const line of lines) {
    const key = line[split] ?? "";
    const held = sums.get(key) ?? { cost: 0, tokens: 0, attempts: 0, seconds: 0 };
    for (const measure of MEASURES) held[measure] += line[measure];
    sums.set(key, held);
  }
  const rows = [...sums].sort(([, a], [, b]) => b.cost - a.cost || b.tokens - a.tokens);
  return (
    <Table label={t("usage.table", { by: t(`split.${split}`) })} heads={[t(`split.${split}`), ...MEASURES.map((measure) => <span key={measure}>{t(`measure.${measure}`)}</span>)]}>
      {rows.map(([key, sum]) => (
        <tr key={key}>
          <Head>{name(key)}</Head>
          {MEASURES.map((measure) => (
            <Cell key={measure} className="tabular">
              {measure === "tokens" || measure === "attempts" ? number(sum[measure]) : figureOf(measure)(sum[measure])}
            </Cell>
          ))}
        </tr>
      ))}
    </Table>
  );
}
