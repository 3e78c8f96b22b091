import { useTranslation } from "react-i18next";

import { useAllowHost } from "@/api/environments";
import type { AttemptView } from "@/api/types";
import { clock } from "@/i18n/format";
import { spoken } from "@/i18n/said";
import { sayFailed } from "@/shell/errors";
import { Button } from "@/ui/Button";
import { say } from "@/ui/toast";

import { Part } from "./Details";

/** Requests that the network policy did not let through, and the way to let them through from now on. */
export function Refusals({ attempt }: { attempt: AttemptView }) {
  const { t } = useTranslation("task");
  const allow = useAllowHost();
  const { refusals, environment } = attempt;
  if (refusals.length === 0) return null;
  const stored = environment?.source === "stored" ? environment.environment.name : null;
  const unique = [...new Map(refusals.map((each) => [`${each.refusal.method} ${each.refusal.host}:${each.refusal.port}`, each])).values()];
  return (
    <Part title={t("refused")}>
      <p className="mb-2 text-sm text-muted">{t("refused.about")}</p>
      <ul className="flex flex-col divide-y divide-line">
        {unique.map(({ seq, at, refusal }) => (
          <li key={seq} className="flex flex-wrap items-center gap-x-3 gap-y-1 py-1.5">
            <span className="text-xs text-faint tabular">{clock(at)}</span>
            <code className="font-mono text-xs">
              {refusal.method} {refusal.host}:{refusal.port}
            </code>
            <span className="min-w-0 flex-1 text-sm text-muted">{spoken(refusal.reason)}</span>
            {refusal.remedy && stored ? (
              <Button
                size="sm"
                busy={allow.isPending && t("refused.allowing")}
                onClick={() =>
                  allow.mutate(
                    { name: stored, host: refusal.remedy ?? "" },
                    {
                      onSuccess: () => say({ kind: "done", title: t("refused.allowed", { host: refusal.remedy }), detail: t("refused.allowedAbout") }),
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
      {!stored ? <p className="mt-2 text-sm text-muted">{t("refused.notStored")}</p> : null}
    </Part>
  );
}
