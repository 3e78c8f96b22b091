import { useVirtualizer } from "@tanstack/react-virtual";
import { useRef } from "react";
import { useTranslation } from "react-i18next";

import { type AttemptRef, useTimeline } from "@/api/work";
import { duration, money } from "@/i18n/format";
import { Failed } from "@/shell/Failed";
import { cx } from "@/ui/class";
import { useNow } from "@/ui/Time";
import { Working } from "@/ui/States";

import { Part } from "./Details";

const COLOURS = {
  open: "bg-line-strong",
  model: "bg-accent",
  tool: "bg-good",
  check: "bg-warn",
  candidate: "bg-warn/60",
  away: "bg-line",
} as const;
const KINDS = ["model", "tool", "check", "candidate", "open", "away"] as const;
const ROW = 24;

/** Where the time went, one stretch below the other. */
export function Waterfall({ attempt }: { attempt: AttemptRef }) {
  const { t } = useTranslation("task");
  const query = useTimeline(attempt);
  const box = useRef<HTMLDivElement>(null);
  const now = useNow();
  const spans = query.data?.spans ?? [];
  const totals = query.data?.totals ?? {};
  // eslint-disable-next-line react-hooks/incompatible-library -- it is not memoised, as the library asks
  const virtual = useVirtualizer({ count: spans.length, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 10 });
  if (query.isPending) return <Working>{t("timeline.loading")}</Working>;
  if (!query.data) return <Failed error={query.error} title={t("timeline.failed")} onRetry={() => void query.refetch()} />;
  if (spans.length === 0) return null;
  const first = spans[0]?.start ?? 0;
  const last = Math.max(first + 0.001, ...spans.map((span) => span.end ?? now));
  const scale = 100 / (last - first);
  return (
    <Part title={t("timeline")}>
      <ul className="mb-3 flex flex-wrap gap-x-5 gap-y-1 text-sm">
        {KINDS.filter((kind) => (totals[kind] ?? 0) > 0).map((kind) => (
          <li key={kind} className="flex items-center gap-1.5">
            <span aria-hidden className={cx("size-2.5 rounded-xs", COLOURS[kind])} />
            {t(`timeline.${kind}`)} <span className="text-muted tabular">{duration(totals[kind] ?? 0)}</span>
          </li>
        ))}
      </ul>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it is scrolled by keys, too */}
      <div ref={box} tabIndex={0} role="region" aria-label={t("timeline")} className="max-h-96 overflow-y-auto scroll-thin">
        <div className="relative" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((row) => {
            const span = spans[row.index];
            if (!span) return null;
            const end = span.end ?? now;
            return (
              <div key={row.key} className="absolute inset-x-0 top-0 flex items-center gap-3 text-xs hover:bg-sunken" style={{ height: ROW, transform: `translateY(${row.start}px)` }}>
                <span className={cx("w-40 shrink-0 truncate sm:w-56", span.failed && "text-bad")} title={span.label}>
                  {span.label}
                </span>
                <span className="relative h-3 min-w-0 flex-1">
                  <span
                    className={cx("absolute h-full min-w-0.5 rounded-xs", COLOURS[span.kind])}
                    style={{ left: `${(span.start - first) * scale}%`, width: `${Math.max(0, end - span.start) * scale}%` }}
                  />
                </span>
                <span className="w-16 shrink-0 text-right text-muted tabular">{duration(Math.max(0, end - span.start))}</span>
                <span className="w-14 shrink-0 text-right text-faint tabular max-sm:hidden">{span.cost ? money(span.cost) : ""}</span>
              </div>
            );
          })}
        </div>
      </div>
    </Part>
  );
}
