import { CircleCheck, CircleX, Download, ShieldCheck, ShieldOff } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";

import type { AttemptView } from "@/api/types";
import { type AttemptRef, fetchEvents, useAttempt } from "@/api/work";
import { moment } from "@/i18n/format";
import { spoken } from "@/i18n/said";
import { sayFailed } from "@/shell/errors";
import { Failed } from "@/shell/Failed";
import { Button } from "@/ui/Button";
import { Copy } from "@/ui/Copy";
import { Working } from "@/ui/States";

import { useTaskPage } from "../context";
import { Costs } from "./Costs";
import { RawEvents } from "./RawEvents";
import { Refusals } from "./Refusals";
import { Waterfall } from "./Waterfall";

export function Details() {
  const { t } = useTranslation("task");
  const { ref, view } = useTaskPage();
  const query = useAttempt(ref);
  if (query.isPending) return <Working>{t("details.loading")}</Working>;
  if (!query.data) return <Failed error={query.error} title={t("details.failed")} onRetry={() => void query.refetch()} />;
  const attempt = query.data;
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it is scrolled by keys, too
    <div tabIndex={0} role="region" aria-label={t("tab.details")} className="flex flex-1 flex-col gap-4 overflow-y-auto p-4 scroll-thin">
      <Refusals attempt={attempt} />
      <Facts attempt={attempt} />
      <Network attempt={attempt} />
      <Waterfall attempt={ref as AttemptRef} />
      <Costs />
      <Part
        title={t("export")}
        aside={
          <SaveEvents task={view.task.id} />
        }
      >
        <p className="flex items-center gap-2 text-muted">
          {t("export.about")} <code className="rounded-sm bg-sunken px-1.5 py-0.5 font-mono text-xs">journeyman export {view.task.id}</code>
          <Copy text={`journeyman export ${view.task.id}`} />
        </p>
      </Part>
      <RawEvents />
    </div>
  );
}

export function Part({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section aria-label={title} className="rounded-xl border border-line bg-surface px-4 py-3">
      <header className="mb-2 flex items-center gap-2">
        <h2 className="flex-1 font-medium">{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

function Facts({ attempt }: { attempt: AttemptView }) {
  const { t } = useTranslation("task");
  const { view } = useTaskPage();
  const { base, opened, environment } = attempt;
  const facts: [string, ReactNode][] = [
    [t("facts.task"), <Id key="t" text={view.task.id} />],
    [t("facts.repository"), view.task.repository],
    [t("facts.base"), base ? <Id key="b" text={base.commit ?? base.tree} /> : "—"],
    [t("facts.branch"), base?.ref ?? base?.branch ?? "—"],
    [t("facts.result"), attempt.result?.tree ? <Id key="r" text={attempt.result.tree} /> : "—"],
    [t("facts.model"), attempt.model],
    [t("facts.strategy"), attempt.strategy ?? "—"],
    [t("facts.sandbox"), opened ? opened.backend : "—"],
    [t("facts.environment"), environment ? `${environment.environment.name} (${t(`facts.source.${environment.source}`)})` : t("facts.noEnvironment")],
    [t("facts.snapshot"), opened?.build ? <Id key="s" text={opened.build} /> : t("facts.noSnapshot")],
    [t("facts.began"), attempt.attempt.began ? moment(attempt.attempt.began) : "—"],
    [t("facts.ended"), attempt.attempt.ended ? moment(attempt.attempt.ended) : "—"],
  ];
  return (
    <Part title={t("facts")}>
      <dl className="grid grid-cols-[auto_1fr] items-center gap-x-6">
        {facts.map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="flex min-h-7 items-center self-start text-muted">{name}</dt>
            <dd className="flex min-h-7 min-w-0 flex-wrap items-center wrap-anywhere">{value}</dd>
          </div>
        ))}
      </dl>
      {base?.left_out.length ? <p className="mt-2 text-sm text-warn">{base.left_out.join(" ")}</p> : null}
      {opened?.notes.length ? <p className="mt-2 text-sm text-muted">{opened.notes.join(" · ")}</p> : null}
    </Part>
  );
}

/** All events of the task, one a line. */
function SaveEvents({ task }: { task: string }) {
  const { t } = useTranslation("task");
  const [busy, setBusy] = useState(false);
  const save = async (): Promise<void> => {
    const lines: string[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const page: Awaited<ReturnType<typeof fetchEvents>> = await fetchEvents(task, after, 1000);
      lines.push(...page.events.map((event) => `${JSON.stringify(event)}\n`));
      after = page.cursor ?? null;
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(lines, { type: "application/jsonl" }));
    link.download = `${task}.jsonl`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return (
    <Button
      size="sm"
      icon={<Download size={13} />}
      busy={busy && t("export.busy")}
      onClick={() => {
        setBusy(true);
        save()
          .catch((error: unknown) => sayFailed(error, t("export.failed")))
          .finally(() => setBusy(false));
      }}
    >
      {t("export.lines")}
    </Button>
  );
}

function Id({ text }: { text: string }) {
  return (
    <span className="inline-flex max-w-full items-center gap-1">
      <code className="truncate font-mono text-xs">{text.length > 24 ? text.slice(0, 12) : text}</code>
      <Copy text={text} />
    </span>
  );
}

function Network({ attempt }: { attempt: AttemptView }) {
  const { t } = useTranslation("task");
  const { opened } = attempt;
  if (!opened) return null;
  const held = opened.probes.filter((probe) => probe.held).length;
  return (
    <Part title={t("network")}>
      <p className="flex items-center gap-2">
        {opened.probes.length === held ? <ShieldCheck size={16} className="text-good" /> : <ShieldOff size={16} className="text-bad" />}
        {opened.environment || t("network.off")}
      </p>
      {opened.probes.length > 0 ? (
        <>
          <p className="mt-1 text-sm text-muted">{t("network.probes", { held, count: opened.probes.length })}</p>
          <ul className="mt-2 grid gap-x-6 gap-y-1 sm:grid-cols-2">
            {opened.probes.map((probe) => (
              <li key={probe.name} className="flex items-start gap-1.5 text-sm" title={probe.said}>
                {probe.held ? <CircleCheck size={14} className="mt-0.5 shrink-0 text-good" /> : <CircleX size={14} className="mt-0.5 shrink-0 text-bad" />}
                {spoken(probe.name)}
              </li>
            ))}
          </ul>
        </>
      ) : (
        <p className="mt-1 text-sm text-muted">{t("network.none")}</p>
      )}
    </Part>
  );
}
