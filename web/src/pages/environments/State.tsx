import type { UseQueryResult } from "@tanstack/react-query";
import { CircleCheck, CircleX, Layers } from "lucide-react";
import { useTranslation } from "react-i18next";

import type { BuildLog, BuildView, EnvironmentView } from "@/api/types";
import { bytes, duration } from "@/i18n/format";
import { spoken } from "@/i18n/said";
import { Failed } from "@/shell/Failed";
import { Badge } from "@/ui/Badge";
import { Empty, Note, Working } from "@/ui/States";
import { Ago } from "@/ui/Time";

import { Log } from "./Log";
import { Panel } from "@/ui/Panel";

/** What is ready of it: the last set-up, its layers, and how the checks stand on the base. */
export function State({ view, log }: { view: EnvironmentView; log: UseQueryResult<BuildLog> }) {
  const { t } = useTranslation("environments");
  const said = log.data && log.data.state !== "none" ? log.data : null;
  const newest = view.builds[0];
  return (
    <div className="flex flex-col gap-4 pt-4">
      {view.missing_secrets.length > 0 ? (
        <Note kind="warn" title={t("missing.title")}>
          {t("missing.about", { names: view.missing_secrets.join(", ") })}
        </Note>
      ) : null}
      {view.failure ? <FailureNote view={view} /> : null}
      {!newest && !said && !view.failure && !log.isPending ? (
        <Empty icon={<Layers size={30} />} title={view.state === "elsewhere" ? t("elsewhere.title") : t("nothing.title")}>
          {view.state === "elsewhere" ? t("elsewhere.about") : t("nothing.about")}
        </Empty>
      ) : null}
      {log.error ? <Failed error={log.error} title={t("log.unread")} className="" onRetry={() => void log.refetch()} /> : null}
      {log.isPending ? <Working>{t("log.loading")}</Working> : null}
      {said ? (
        <Panel title={t("log.title")} about={t("log.about")}>
          <Log log={said} />
          {said.error && !view.failure ? (
            <Note kind="bad" className="mt-3" title={t("trial.failed")}>
              {spoken(said.error)}
            </Note>
          ) : null}
        </Panel>
      ) : null}
      {newest && !log.isPending ? <Checks build={newest} /> : null}
      {view.builds.length > 0 && !log.isPending ? <Builds builds={view.builds} hours={view.environment.cache_hours} /> : null}
    </div>
  );
}

function FailureNote({ view }: { view: EnvironmentView }) {
  const { t } = useTranslation("environments");
  const { failure } = view;
  if (!failure) return null;
  return (
    <Note kind="bad" title={t("failure.title", { ended: spoken(failure.ended) })}>
      {failure.cause ? <p className="text-ink">{spoken(failure.cause)}</p> : null}
      <p>
        <code className="font-mono text-xs">{failure.command}</code> · <Ago at={failure.at} />
      </p>
      {failure.tail ? <pre className="mt-2 max-h-40 overflow-auto rounded-md bg-terminal p-2.5 font-mono text-xs text-terminal-ink scroll-thin">{failure.tail}</pre> : null}
      <p className="mt-2">{t("failure.next")}</p>
    </Note>
  );
}

function Checks({ build }: { build: BuildView }) {
  const { t } = useTranslation("environments");
  return (
    <Panel title={t("checks.title")} about={t("checks.about")}>
      {build.checks.length === 0 ? (
        <p className="text-muted">{t("checks.none")}</p>
      ) : (
        <ul className="divide-y divide-line">
          {build.checks.map((check) => {
            const passed = check.exit_code === 0;
            return (
              <li key={check.command} className="py-2.5 first:pt-0 last:pb-0">
                <p className="flex flex-wrap items-center gap-2">
                  {passed ? <CircleCheck size={16} aria-hidden className="text-good" /> : <CircleX size={16} aria-hidden className="text-bad" />}
                  <code className="min-w-0 flex-1 font-mono text-xs wrap-anywhere">{check.command}</code>
                  <Badge tone={passed ? "good" : "bad"}>
                    {passed
                      ? t("checks.passes")
                      : check.failing.length > 0
                        ? t("checks.failing", { count: check.failing.length })
                        : (check.cut ?? t("checks.exit", { code: check.exit_code ?? "—" }))}
                  </Badge>
                </p>
                {check.failing.length > 0 ? (
                  <ul className="mt-1.5 ml-6 text-sm text-muted">
                    {check.failing.map((test) => (
                      <li key={test} className="font-mono text-xs leading-5 wrap-anywhere">
                        {test}
                      </li>
                    ))}
                  </ul>
                ) : null}
              </li>
            );
          })}
        </ul>
      )}
    </Panel>
  );
}

function Builds({ builds, hours }: { builds: BuildView[]; hours: number }) {
  const { t } = useTranslation("environments");
  return (
    <Panel title={t("layers.title")} about={t("layers.about", { hours })}>
      <ol className="flex flex-col gap-3">
        {builds.map((build) => (
          <li key={build.id} className="rounded-lg border border-line px-3.5 py-2.5">
            <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
              <code className="font-mono text-xs" title={build.id}>
                {build.id.slice(0, 12)}
              </code>
              <Badge tone={build.stale ? "warn" : "good"}>{build.stale ? t("state.stale") : t("state.ready")}</Badge>
              <span className="text-sm text-muted">
                {t("layers.made")} <Ago at={build.created} />
              </span>
              <span className="text-sm text-muted tabular">{t("layers.took", { time: duration(build.seconds) })}</span>
              <span className="text-sm text-muted tabular">{bytes(build.size)}</span>
              <span className="text-sm text-muted">
                {t("layers.used")} <Ago at={build.used} />
              </span>
            </p>
            <p className="mt-1 text-sm text-muted">
              {build.parents.length > 0
                ? t("layers.upon", { count: build.parents.length, names: build.parents.map((id) => id.slice(0, 8)).join(", ") })
                : t("layers.bottom")}
            </p>
            {build.dropped.length > 0 ? (
              <details className="mt-1 text-sm text-muted">
                <summary>{t("layers.dropped", { count: build.dropped.length })}</summary>
                <ul className="mt-1 ml-4 font-mono text-xs leading-5">
                  {build.dropped.map((path) => (
                    <li key={path}>{path}</li>
                  ))}
                </ul>
              </details>
            ) : null}
          </li>
        ))}
      </ol>
    </Panel>
  );
}
