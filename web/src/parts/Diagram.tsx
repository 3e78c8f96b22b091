import { Maximize2 } from "lucide-react";
import { useEffect, useEffectEvent, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { useShownTheme } from "@/shell/theme";
import { IconButton } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Working } from "@/ui/States";

import { CodeBlock } from "./Code";

type Answer = { kind: "ready" } | { kind: "drawn"; height: number } | { kind: "failed"; message: string };

/**
 * A diagram, drawn in a frame that has no origin: what the model wrote cannot reach the page, its cookies or the
 * network from there, and the frame's own policy lets through the style elements that drawing needs.
 */
export function Diagram({ source }: { source: string }) {
  const { t } = useTranslation();
  const [large, setLarge] = useState(false);
  const [failed, setFailed] = useState(false);
  if (failed) return <CodeBlock text={source} language="" />;
  return (
    <div className="relative my-3 overflow-hidden rounded-lg border border-line bg-surface">
      <Drawing source={source} onFailed={() => setFailed(true)} />
      <span className="absolute top-1 right-1 rounded-md bg-surface/85">
        <IconButton size="sm" label={t("diagram.large")} icon={<Maximize2 size={14} />} onClick={() => setLarge(true)} />
      </span>
      {large ? (
        <Dialog open onOpenChange={setLarge} title={t("diagram")} size="full">
          <Drawing source={source} onFailed={() => setLarge(false)} />
        </Dialog>
      ) : null}
    </div>
  );
}

function Drawing({ source, onFailed }: { source: string; onFailed: () => void }) {
  const { t } = useTranslation();
  const theme = useShownTheme();
  const frame = useRef<HTMLIFrameElement>(null);
  const [height, setHeight] = useState<number | null>(null);
  const fail = useEffectEvent(onFailed);
  useEffect(() => {
    const target = frame.current?.contentWindow;
    const draw = (): void => target?.postMessage({ source, theme }, "*");
    const heard = (event: MessageEvent<Answer>): void => {
      if (event.source !== target) return;
      if (event.data.kind === "ready") draw();
      if (event.data.kind === "drawn") setHeight(Math.min(1200, Math.max(40, event.data.height)));
      if (event.data.kind === "failed") fail();
    };
    window.addEventListener("message", heard);
    draw();
    return () => window.removeEventListener("message", heard);
  }, [source, theme]);
  return (
    <>
      {height === null ? <Working>{t("drawing")}</Working> : null}
      <iframe
        ref={frame}
        src="/diagram.html"
        sandbox="allow-scripts"
        title={t("diagram")}
        className="block w-full"
        style={{ height: height ?? 0 }}
      />
    </>
  );
}
