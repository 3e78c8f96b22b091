import { CircleCheck, Download } from "lucide-react";
import { useTranslation } from "react-i18next";

import { useEmbedded, useFetchEmbedded } from "@/api/models";
import { useMay } from "@/api/session";
import { bytes } from "@/i18n/format";
import { spoken } from "@/i18n/said";
import { sayFailed } from "@/shell/errors";
import { Button } from "@/ui/Button";
import { Note } from "@/ui/States";

/** Whether the embedded model is there, how far its fetching is, and the button that begins it. */
export function Embedded() {
  const { t } = useTranslation("welcome");
  const { data: embedded } = useEmbedded();
  const fetching = useFetchEmbedded();
  const { administer } = useMay();
  if (!embedded) return null;
  if (embedded.state === "ready") {
    return (
      <p className="mt-3 inline-flex items-center gap-1.5 text-sm text-good">
        <CircleCheck size={15} />
        {t("embedded.ready")}
      </p>
    );
  }
  if (embedded.state === "fetching") {
    const { done, total, text } = embedded;
    return (
      <div className="mt-3">
        <progress aria-label={t("embedded.progress")} className="h-2 w-full accent-(--accent)" {...(total > 0 ? { value: done, max: total } : {})} />
        <p role="status" className="mt-1 text-sm text-muted tabular">
          {spoken(text)}
          {total > 0 ? ` · ${t("embedded.of", { done: bytes(done), total: bytes(total) })}` : null}
        </p>
      </div>
    );
  }
  return (
    <div className="mt-3">
      <Note kind={embedded.error ? "bad" : "info"} title={t(embedded.error ? "embedded.failed" : "embedded.missing")}>
        {spoken(embedded.error) || t("embedded.about", { size: bytes(embedded.size) })}
      </Note>
      {administer ? (
        <Button
          size="sm"
          className="mt-2"
          icon={<Download size={14} />}
          busy={fetching.isPending && t("embedded.beginning")}
          onClick={() => fetching.mutate(undefined, { onError: (error) => sayFailed(error, t("embedded.failed")) })}
        >
          {t("embedded.fetch")}
        </Button>
      ) : null}
    </div>
  );
}
