import { Link } from "@tanstack/react-router";
import { Compass } from "lucide-react";
import { useTranslation } from "react-i18next";

import { ApiError } from "@/api/client";
import { Button, buttonClass } from "@/ui/Button";
import { Empty, Note, Working } from "@/ui/States";

import { Failed } from "./Failed";

export function Opening() {
  const { t } = useTranslation();
  return <Working className="min-h-dvh">{t("opening")}</Working>;
}

/** A fault of the page itself, or a service that does not answer. */
export function Broken({ error }: { error: unknown }) {
  const { t } = useTranslation();
  if (error instanceof ApiError) return <Failed error={error} onRetry={() => location.reload()} />;
  return (
    <Note
      kind="bad"
      title={t("error.page")}
      className="m-6"
      actions={
        <Button size="sm" onClick={() => location.reload()}>
          {t("error.reload")}
        </Button>
      }
    >
      {t("error.pageDetail")}
      <pre className="mt-2 font-mono text-xs whitespace-pre-wrap">{error instanceof Error ? error.message : String(error)}</pre>
    </Note>
  );
}

export function NotFound() {
  const { t } = useTranslation();
  return (
    <Empty
      icon={<Compass size={32} />}
      title={t("notFound.title")}
      actions={
        <Link to="/" className={buttonClass("primary")}>
          {t("notFound.home")}
        </Link>
      }
    >
      {t("notFound.about")}
    </Empty>
  );
}
