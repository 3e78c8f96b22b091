import { CircleCheck, CircleX, ShieldCheck } from "lucide-react";
import { useTranslation } from "react-i18next";

import { useAllowHost, useSelfTest } from "@/api/environments";
import type { BypassProbe, EnvironmentView, NetworkPolicy } from "@/api/types";
import { spoken } from "@/i18n/said";
import { explain, sayFailed } from "@/shell/errors";
import { Button } from "@/ui/Button";
import { Note } from "@/ui/States";
import { say } from "@/ui/toast";

import { Panel } from "@/ui/Panel";

/** Where requests may go, phase by phase, and the proof that they go nowhere else. */
export function Network({ view }: { view: EnvironmentView }) {
  const { t } = useTranslation("environments");
  const test = useSelfTest(view.name);
  const { setup, maintenance, attempt } = view.environment;
  const kept = view.builds[0]?.probes ?? [];
  const probes = test.data?.probes ?? kept;
  const failure = test.error ? explain(test.error) : null;
  return (
    <div className="flex flex-col gap-4 pt-4">
      <Panel title={t("policy.title")} about={t("policy.about")}>
        <div className="overflow-x-auto">
          <table className="w-full min-w-120 text-left">
            <thead className="text-sm text-muted">
              <tr className="border-b border-line">
                <th className="py-1.5 pr-4 font-medium">{t("policy.phase")}</th>
                <th className="py-1.5 pr-4 font-medium">{t("policy.access")}</th>
                <th className="py-1.5 font-medium">{t("policy.reaches")}</th>
              </tr>
            </thead>
            <tbody>
              <PolicyRow phase={t("part.setup")} network={setup.network} />
              <PolicyRow phase={t("part.maintenance")} network={maintenance.network} />
              <PolicyRow phase={t("part.attempt")} network={attempt.network} />
            </tbody>
          </table>
        </div>
      </Panel>
      <Panel
        title={t("test.title")}
        about={t("test.about")}
        aside={
          view.acts.includes("build") ? (
            <Button icon={<ShieldCheck size={15} />} busy={test.isPending && t("test.busy")} onClick={() => test.mutate()}>
              {t("test.run")}
            </Button>
          ) : null
        }
      >
        {failure ? (
          <Note kind="bad" title={t("test.failed")} className="mb-3">
            {failure.detail || failure.title}
          </Note>
        ) : null}
        {probes.length > 0 ? <Probes probes={probes} fresh={test.data !== undefined} /> : <p className="text-muted">{t("test.none")}</p>}
      </Panel>
      <Refused view={view} />
    </div>
  );
}

function PolicyRow({ phase, network }: { phase: string; network: NetworkPolicy }) {
  const { t } = useTranslation("environments");
  const reaches = [
    ...(network.access === "on" ? [t("policy.anywhere")] : []),
    ...(network.access === "allow-list" && network.indexes ? [t("policy.indexes")] : []),
    ...(network.access === "allow-list" ? network.hosts : []),
    ...(network.access === "off" ? [] : network.private),
  ];
  return (
    <tr className="border-b border-line align-top last:border-0">
      <th scope="row" className="py-2 pr-4 font-medium">
        {phase}
      </th>
      <td className="py-2 pr-4">
        {t(`policy.${network.access}`)}
        {network.access !== "off" && network.methods === "read" ? <span className="block text-sm text-muted">{t("policy.read")}</span> : null}
      </td>
      <td className="py-2 wrap-anywhere">
        {reaches.length > 0 ? reaches.join(", ") : t("policy.nowhere")}
        {network.access !== "off" && network.denied.length > 0 ? (
          <span className="block text-sm text-muted">{t("policy.except", { hosts: network.denied.join(", ") })}</span>
        ) : null}
      </td>
    </tr>
  );
}

function Probes({ probes, fresh }: { probes: BypassProbe[]; fresh: boolean }) {
  const { t } = useTranslation("environments");
  const held = probes.filter((probe) => probe.held).length;
  return (
    <>
      <p role="status" className={held === probes.length ? "text-good" : "text-bad"}>
        {held === probes.length ? t("test.held", { count: probes.length }) : t("test.open", { count: probes.length - held })}
        {fresh ? null : <span className="text-muted"> {t("test.kept")}</span>}
      </p>
      <div className="mt-2 overflow-x-auto">
        <table className="w-full min-w-120 text-left">
          <thead className="text-sm text-muted">
            <tr className="border-b border-line">
              <th className="py-1.5 pr-4 font-medium">{t("test.way")}</th>
              <th className="py-1.5 pr-4 font-medium">{t("test.outcome")}</th>
              <th className="py-1.5 font-medium">{t("test.said")}</th>
            </tr>
          </thead>
          <tbody>
            {probes.map((probe) => (
              <tr key={probe.name} className="border-b border-line align-top last:border-0">
                <th scope="row" className="py-1.5 pr-4 font-normal">
                  {spoken(probe.name)}
                </th>
                <td className="py-1.5 pr-4 whitespace-nowrap">
                  {probe.held ? (
                    <span className="inline-flex items-center gap-1.5 text-good">
                      <CircleCheck size={14} aria-hidden />
                      {t("test.stopped")}
                    </span>
                  ) : (
                    <span className="inline-flex items-center gap-1.5 text-bad">
                      <CircleX size={14} aria-hidden />
                      {t("test.through")}
                    </span>
                  )}
                </td>
                <td className="py-1.5 text-sm text-muted wrap-anywhere">{probe.said}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** What set-up asked for and did not get. */
function Refused({ view }: { view: EnvironmentView }) {
  const { t } = useTranslation("environments");
  const allow = useAllowHost();
  const refusals = view.builds[0]?.refusals ?? [];
  if (refusals.length === 0) return null;
  return (
    <Panel title={t("refused.title")} about={t("refused.about")}>
      <ul className="divide-y divide-line">
        {refusals.map((refusal) => (
          <li key={`${refusal.method} ${refusal.host}:${refusal.port}`} className="flex flex-wrap items-center gap-2 py-2">
            <span className="min-w-0 flex-1">
              <code className="font-mono text-xs wrap-anywhere">
                {refusal.method} {refusal.host}:{refusal.port}
              </code>
              <span className="block text-sm text-muted">{spoken(refusal.reason)}</span>
            </span>
            {refusal.remedy && view.acts.includes("edit") ? (
              <Button
                size="sm"
                busy={allow.isPending && t("refused.busy")}
                onClick={() =>
                  allow.mutate(
                    { name: view.name, host: refusal.remedy ?? "", phase: "setup" },
                    {
                      onSuccess: () => say({ kind: "done", title: t("refused.done", { host: refusal.remedy }) }),
                      onError: (error) => sayFailed(error),
                    },
                  )
                }
              >
                {t("refused.allow", { host: refusal.remedy })}
              </Button>
            ) : null}
          </li>
        ))}
      </ul>
    </Panel>
  );
}
