import { RotateCw } from "lucide-react";
import { useTranslation } from "react-i18next";

import { Button } from "@/ui/Button";
import { Note } from "@/ui/States";

import { explain } from "./errors";

/** What could not be fetched, why, and another try. */
export function Failed({ error, title, onRetry, className }: { error: unknown; title?: string; onRetry?: () => void; className?: string }) {
  const { t } = useTranslation();
  const { title: general, detail } = explain(error, t);
  return (
    <Note
      kind="bad"
      title={title ?? general}
      className={className ?? "m-4"}
      actions={
        onRetry ? (
          <Button size="sm" icon={<RotateCw size={13} />} onClick={onRetry}>
            {t("retry")}
          </Button>
        ) : null
      }
    >
      {title ? [general, detail].filter(Boolean).join(". ") : detail}
    </Note>
  );
}
