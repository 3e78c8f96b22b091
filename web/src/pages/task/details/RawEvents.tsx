import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useInfiniteQuery } from "@tanstack/react-query";

import { fetchEvents } from "@/api/work";
import { clock } from "@/i18n/format";
import { Failed } from "@/shell/Failed";
import { Button } from "@/ui/Button";
import { Working } from "@/ui/States";

import { useTaskPage } from "../context";
import { Part } from "./Details";

/** The log itself, as it is stored. */
export function RawEvents() {
  const { t } = useTranslation("task");
  const [open, setOpen] = useState(false);
  return (
    <Part
      title={t("events")}
      aside={
        <Button size="sm" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? t("events.hide") : t("events.show")}
        </Button>
      }
    >
      {open ? <List /> : <p className="text-muted">{t("events.about")}</p>}
    </Part>
  );
}

function List() {
  const { t } = useTranslation("task");
  const { view } = useTaskPage();
  const pages = useInfiniteQuery({
    queryKey: ["work", view.task.id, "events"],
    queryFn: ({ pageParam }) => fetchEvents(view.task.id, pageParam),
    initialPageParam: 0,
    getNextPageParam: (page) => page.cursor,
  });
  if (pages.isPending) return <Working>{t("events.loading")}</Working>;
  if (!pages.data) return <Failed error={pages.error} className="" onRetry={() => void pages.refetch()} />;
  return (
    <>
      <ul>
        {pages.data.pages
          .flatMap((page) => page.events)
          .map((numbered) => (
            <li key={numbered.place}>
              <details className="border-b border-line">
                <summary className="flex items-center gap-3 py-1 text-sm">
                  <span className="w-10 text-right text-xs text-faint tabular">{numbered.place}</span>
                  <span className="text-xs text-faint tabular">{clock(numbered.event.at)}</span>
                  <span className="font-mono text-xs">{numbered.event.kind}</span>
                  <span className="text-xs text-faint">{numbered.attempt.split(".").slice(1).join(".")}</span>
                </summary>
                <pre className="max-h-80 overflow-auto rounded-md bg-sunken p-3 font-mono text-xs leading-5 wrap-break-word whitespace-pre-wrap scroll-thin">{JSON.stringify(numbered.event, null, 2)}</pre>
              </details>
            </li>
          ))}
      </ul>
      {pages.hasNextPage ? (
        <Button size="sm" look="quiet" className="mt-2" busy={pages.isFetchingNextPage && t("events.loading")} onClick={() => void pages.fetchNextPage()}>
          {t("events.more")}
        </Button>
      ) : null}
    </>
  );
}
