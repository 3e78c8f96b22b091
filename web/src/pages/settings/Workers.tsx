import { Server } from "lucide-react";
import { useTranslation } from "react-i18next";

import { useAbout, useWorkers } from "@/api/administration";
import type { WorkerLine } from "@/api/types";
import { bytes } from "@/i18n/format";
import { Failed } from "@/shell/Failed";
import { Badge } from "@/ui/Badge";
import { Empty, Working } from "@/ui/States";
import { Ago } from "@/ui/Time";

export function Workers() {
  const { t } = useTranslation("settings");
  const workers = useWorkers();
  const about = useAbout();
  if (workers.isPending) return <Working>{t("workers.loading")}</Working>;
  if (!workers.data) return <Failed error={workers.error} className="" onRetry={() => void workers.refetch()} />;
  return (
    <>
      {about.data ? <p className="text-sm text-muted">{t("workers.server", { version: about.data.version })}</p> : null}
      {workers.data.length === 0 ? (
        <Empty icon={<Server size={30} />} title={t("workers.none")}>
          {t("workers.noneAbout")}
        </Empty>
      ) : (
        <ul className="grid gap-3 sm:grid-cols-2">
          {workers.data.map((worker) => (
            <Worker key={worker.worker} worker={worker} here={worker.machine === about.data?.machine} />
          ))}
        </ul>
      )}
    </>
  );
}

function Worker({ worker, here }: { worker: WorkerLine; here: boolean }) {
  const { t } = useTranslation("settings");
  const facts = [
    [t("workers.machine"), t("workers.cores", { count: worker.cores, memory: bytes(worker.memory_bytes) })],
    [t("workers.sandboxes"), [...worker.backends, ...(worker.images ? [t("workers.images")] : [])].join(", ") || "—"],
    [t("workers.models"), worker.models.join(", ") || (worker.embedded ? t("workers.embedded") : "—")],
    [t("workers.version"), worker.version],
  ] as const;
  const share = worker.slots > 0 ? Math.min(1, worker.running / worker.slots) : 0;
  return (
    <li className="rounded-xl border border-line bg-surface p-4">
      <div className="flex flex-wrap items-center gap-2">
        <h2 className="min-w-0 flex-1 truncate font-semibold">{worker.host}</h2>
        {here ? <Badge>{t("workers.here")}</Badge> : null}
        {worker.draining ? (
          <Badge tone="warn">{t("workers.draining")}</Badge>
        ) : worker.alive ? (
          <Badge tone="good">{t("workers.alive")}</Badge>
        ) : (
          <Badge tone="bad">{t("workers.silent")}</Badge>
        )}
      </div>
      <p className="mt-2 flex justify-between text-sm">
        <span>{t("workers.running", { running: worker.running, count: worker.slots })}</span>
        <span className="text-muted">
          {t("workers.seen")} <Ago at={worker.seen} />
        </span>
      </p>
      <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden className="mt-1.5 h-1.5 w-full overflow-hidden rounded-full">
        <rect width="100" height="4" className="fill-sunken" />
        <rect width={share * 100} height="4" className="fill-accent" />
      </svg>
      <dl className="mt-3 grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-sm">
        {facts.map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-muted">{name}</dt>
            <dd className="min-w-0 wrap-anywhere">{value}</dd>
          </div>
        ))}
      </dl>
    </li>
  );
}
