import { Maximize2 } from "lucide-react";
import { useEffect, useEffectEvent, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { useShownTheme } from "@/shell/theme";
import { IconButton } from "@/ui/Button";
import { cx } from "@/ui/class";
import { Dialog } from "@/ui/Dialog";
import { Working } from "@/ui/States";

import { CodeBlock } from "./Code";

type Answer = { kind: "ready" } | { kind: "drawn" } | { kind: "failed"; message: string };

/** Lines that begin a diagram that is wider than high. */
const FLAT = /^\s*(flowchart|graph)\s+(LR|RL)\b|^\s*(gitGraph|timeline|gantt)\b/m;

/**
 * A diagram, drawn in a frame that has no origin: what the model wrote cannot reach the page, its cookies or the
 * network from there, and the frame's own policy lets through the style elements that drawing needs. Its room is
 * known before it is drawn, so that nothing below it moves.
 */
export function Diagram({ source }: { source: string }) {
  const { t } = useTranslation();
  const [large, setLarge] = useState(false);
  const [failed, setFailed] = useState(false);
  if (failed) return <CodeBlock text={source} language="" />;
  return (
    <div className={cx("relative my-3 overflow-hidden rounded-lg border border-line bg-surface", FLAT.test(source) ? "h-36" : "h-72")}>
      <Drawing source={source} onFailed={() => setFailed(true)} />
      <span className="absolute top-1 right-1 rounded-md bg-surface/85">
        <IconButton size="sm" label={t("diagram.large")} icon={<Maximize2 size={14} />} onClick={() => setLarge(true)} />
      </span>
      {large ? (
        <Dialog open onOpenChange={setLarge} title={t("diagram")} size="full">
          <div className="relative h-[68vh]">
            <Drawing source={source} onFailed={() => setLarge(false)} />
          </div>
        </Dialog>
      ) : null}
    </div>
  );
}

function Drawing({ source, onFailed }: { source: string; onFailed: () => void }) {
  const { t } = useTranslation();
  const theme = useShownTheme();
  const frame = useRef<HTMLIFrameElement>(null);
  const [drawn, setDrawn] = useState(false);
  const fail = useEffectEvent(onFailed);
  useEffect(() => {
    const target = frame.current?.contentWindow;
    const draw = (): void => target?.postMessage({ source, theme }, "*");
    const heard = (event: MessageEvent<Answer>): void => {
      if (event.source !== target) return;
      if (event.data.kind === "ready") draw();
      if (event.data.kind === "drawn") setDrawn(true);
      if (event.data.kind === "failed") fail();
    };
    window.addEventListener("message", heard);
    draw();
    return () => window.removeEventListener("message", heard);
  }, [source, theme]);
  return (
    <>
      {drawn ? null : <Working className="absolute inset-0">{t("drawing")}</Working>}
      <iframe ref={frame} src="/diagram.html" sandbox="allow-scripts" title={t("diagram")} className={cx("block size-full", !drawn && "invisible")} />
    </>
  );
}
