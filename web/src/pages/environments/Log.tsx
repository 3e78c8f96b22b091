import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";

import type { BuildLog } from "@/api/types";
import { Copy } from "@/ui/Copy";
import { Elapsed } from "@/ui/Time";

const ROW = 20;
/** Pixels from the end within which one is taken to be watching it. */
const NEAR = 60;

/** What a set-up says, line by line, as it says it; follows the end while one is there. */
export function Log({ log }: { log: BuildLog }) {
  const { t } = useTranslation("environments");
  const scroller = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const { lines } = log;
  // eslint-disable-next-line react-hooks/incompatible-library -- its own state is what it is for
  const rows = useVirtualizer({ count: lines.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 20 });
  useEffect(() => {
    const element = scroller.current;
    if (element && following.current) element.scrollTop = element.scrollHeight;
  }, [lines.length]);
  return (
    <div className="overflow-hidden rounded-lg border border-line bg-terminal text-terminal-ink">
      <div className="flex items-center gap-3 border-b border-white/10 py-1 pr-1 pl-3 text-xs">
        <span role="status" className="flex-1">
          {log.state === "building" ? t("log.running") : log.state === "failed" ? t("log.failed") : t("log.done")}
        </span>
        {log.began ? <Elapsed since={log.began} until={log.ended} /> : null}
        <Copy text={lines.join("\n")} />
      </div>
      <div
        ref={scroller}
        role="log"
        aria-label={t("log")}
        aria-live="off"
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it is scrolled by keys, too
        tabIndex={0}
        onScroll={(event) => {
          const at = event.currentTarget;
          following.current = at.scrollHeight - at.scrollTop - at.clientHeight < NEAR;
        }}
        className="max-h-72 min-h-16 overflow-auto p-3 font-mono text-xs leading-5 scroll-thin focus-visible:-outline-offset-2"
      >
        <div className="relative min-w-max" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((row) => (
            <div key={row.key} className="absolute top-0 left-0 h-5 whitespace-pre" style={{ transform: `translateY(${row.start}px)` }}>
              {lines[row.index]}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
