import { CircleCheck, CircleX, FlaskConical, Minus, TriangleAlert } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { CheckView, RunView, TestView } from "@/api/types";
import { type AttemptRef, useAttempt, useChecks } from "@/api/work";
import { duration } from "@/i18n/format";
import { spoken } from "@/i18n/said";
import { Failed } from "@/shell/Failed";
import { Badge, type Tone } from "@/ui/Badge";
import { cx } from "@/ui/class";
import { Empty, Note, Working } from "@/ui/States";

import { useTaskPage } from "../context";

type State = TestView["state"];

const TONES: Record<State, Tone> = {
  fixed: "good",
  broken: "bad",
  still_failing: "warn",
  flaky: "warn",
  added: "accent",
  added_failing: "bad",
  removed: "neutral",
  skipped: "neutral",
  not_run: "neutral",
  passing: "neutral",
};

export function Checks() {
  const { t } = useTranslation("task");
  const { ref, attempt } = useTaskPage();
  const query = useChecks(ref as AttemptRef);
  const warnings = useAttempt(ref).data?.result?.warnings ?? [];
  if (query.isPending) return <Working>{t("checks.loading")}</Working>;
  if (!query.data) return <Failed error={query.error} title={t("checks.failed")} onRetry={() => void query.refetch()} />;
  const { checks } = query.data;
  if (checks.length === 0) {
    const running = attempt?.status === "running" || attempt?.status === "queued";
    return (
      <Empty icon={<FlaskConical size={32} />} title={running ? t("checks.none.yet") : t("checks.none")}>
        {running ? t("checks.none.yetAbout") : t("checks.none.about")}
      </Empty>
    );
  }
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it is scrolled by keys, too
    <div tabIndex={0} role="region" aria-label={t("tab.checks")} className="flex-1 overflow-y-auto p-4 scroll-thin">
      {warnings.map((warning) => (
        <Note key={warning} kind="warn" className="mb-3">
          {spoken(warning)}
        </Note>
      ))}
      <div className="flex flex-col gap-4">
        {checks.map((check) => (
          <CheckCard key={check.check.command} check={check} />
        ))}
      </div>
    </div>
  );
}

function CheckCard({ check }: { check: CheckView }) {
  const { t } = useTranslation("task");
  const [state, setState] = useState<State | null>(null);
  const states = (Object.entries(check.counts ?? {}) as [State, number][]).filter(([, count]) => count > 0);
  const tests = check.tests.filter((test) => state === null || test.state === state);
  return (
    <section aria-label={check.check.command} className="overflow-hidden rounded-xl border border-line bg-surface">
      <header className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
        <div className="min-w-0 flex-1 max-sm:basis-full">
          <h2 className="truncate font-mono text-sm font-medium" title={check.check.command}>
            {check.check.command}
          </h2>
          <p className="text-sm text-muted">{check.sentence ? spoken(check.sentence) : t(`checks.source.${sourceOf(check)}`)}</p>
        </div>
        <Run label={t("checks.before")} run={check.base ?? null} />
        <span aria-hidden className="text-faint">
          →
        </span>
        <Run label={t("checks.after")} run={check.result ?? null} />
      </header>
      {states.length > 0 ? (
        <div role="group" aria-label={t("checks.filter")} className="flex flex-wrap gap-1.5 border-t border-line px-4 py-2">
          {states.map(([name, count]) => (
            <button
              key={name}
              type="button"
              aria-pressed={state === name}
              onClick={() => setState(state === name ? null : name)}
              className="rounded-full opacity-90 hover:opacity-100 aria-pressed:outline-2 aria-pressed:outline-accent"
            >
              <Badge tone={TONES[name]}>
                {t(`test.${name}`)} <span className="tabular">{count}</span>
              </Badge>
            </button>
          ))}
        </div>
      ) : null}
      {tests.length > 0 ? (
        <ul className="max-h-[28rem] overflow-y-auto border-t border-line scroll-thin">
          {tests.map((test) => (
            <Test key={test.id} test={test} />
          ))}
        </ul>
      ) : null}
      {check.hidden > 0 ? <p className="border-t border-line px-4 py-2 text-sm text-muted">{t("checks.hidden", { count: check.hidden })}</p> : null}
    </section>
  );
}

function sourceOf(check: CheckView): "flag" | "environment" | "agents" | "detected" | "docstring" | "request" {
  return check.check.source === "AGENTS.md" ? "agents" : check.check.source;
}

function Run({ label, run }: { label: string; run: RunView | null }) {
  const { t } = useTranslation("task");
  const { show } = useTaskPage();
  if (!run) {
    return (
      <span className="flex flex-col items-center text-xs text-faint">
        {label}
        <span className="inline-flex items-center gap-1">
          <Minus size={14} />
          {t("checks.notRun")}
        </span>
      </span>
    );
  }
  const passed = run.exit_code === 0;
  const count = run.passed + run.failed;
  return (
    <button type="button" onClick={() => show({ tab: "terminal", at: run.chunk })} className="flex flex-col items-center rounded-md px-1.5 text-xs text-muted hover:bg-sunken" title={t("checks.output")}>
      <span>
        {label} · {duration(run.seconds)}
      </span>
      <span className={cx("inline-flex items-center gap-1 font-medium", passed ? "text-good" : "text-bad")}>
        {passed ? <CircleCheck size={14} /> : <CircleX size={14} />}
        {count > 0 ? `${run.passed}/${count}` : run.cut ? t("checks.cut", { why: run.cut }) : passed ? t("checks.passed") : t("checks.exit", { code: run.exit_code ?? "—" })}
        {run.stale ? (
          <span className="inline-flex items-center gap-0.5 text-warn" title={t("checks.stale.about")}>
            <TriangleAlert size={12} />
            {t("checks.stale")}
          </span>
        ) : null}
      </span>
    </button>
  );
}

function Test({ test }: { test: TestView }) {
  const { t } = useTranslation("task");
  const [open, setOpen] = useState(false);
  return (
    <li className="border-b border-line last:border-0">
      <button
        type="button"
        aria-expanded={test.message ? open : undefined}
        disabled={!test.message}
        onClick={() => setOpen(!open)}
        className="flex w-full items-center gap-x-3 gap-y-1 px-4 py-1.5 text-left enabled:hover:bg-sunken disabled:cursor-default max-sm:flex-wrap"
      >
        <span className="min-w-0 flex-1 truncate font-mono text-xs max-sm:basis-full max-sm:whitespace-normal max-sm:wrap-anywhere" title={test.id}>
          {test.id}
        </span>
        <span className="shrink-0 text-xs text-muted max-sm:flex-1">
          {word(test.base)} → {word(test.result)}
        </span>
        <span className="w-28 shrink-0 text-right">
          <Badge tone={TONES[test.state]}>{t(`test.${test.state}`)}</Badge>
        </span>
      </button>
      {open ? <pre className="mx-4 mb-2 max-h-72 overflow-auto rounded-md bg-sunken p-3 font-mono text-xs leading-5 whitespace-pre-wrap scroll-thin">{test.message}</pre> : null}
    </li>
  );

  function word(outcome: string | null | undefined): string {
    if (outcome === "passed" || outcome === "failed" || outcome === "error" || outcome === "skipped") return t(`outcome.${outcome}`);
    return "—";
  }
}
