import { X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { type AttemptRef, fetchCast } from "@/api/work";
import { explain } from "@/shell/errors";
import { useShownTheme } from "@/shell/theme";
import { IconButton } from "@/ui/Button";
import { Segments } from "@/ui/Field";
import { Note, Working } from "@/ui/States";

const SPEEDS = ["0.5", "1", "2", "4", "16"] as const;
type Speed = (typeof SPEEDS)[number];

/** A recording in a frame of its own: the player is WebAssembly, which the page's own policy stops. */
export function Replay({ attempt, chunk, onClose }: { attempt: AttemptRef; chunk: string | null; onClose: () => void }) {
  const { t } = useTranslation("task");
  const theme = useShownTheme();
  const frame = useRef<HTMLIFrameElement>(null);
  const [cast, setCast] = useState<string | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [speed, setSpeed] = useState<Speed>("2");
  const [ready, setReady] = useState(false);
  const { task, attempt: name } = attempt;
  useEffect(() => {
    let current = true;
    fetchCast({ task, attempt: name }, chunk).then(
      (text) => {
        if (current) setCast(text);
      },
      (error: unknown) => {
        if (current) setFailure(error);
      },
    );
    return () => {
      current = false;
    };
  }, [task, name, chunk]);
  useEffect(() => {
    const heard = (event: MessageEvent<{ kind: string }>): void => {
      if (event.source === frame.current?.contentWindow && event.data.kind === "ready") setReady(true);
    };
    window.addEventListener("message", heard);
    return () => window.removeEventListener("message", heard);
  }, []);
  useEffect(() => {
    if (ready && cast !== null) frame.current?.contentWindow?.postMessage({ cast, speed: Number(speed), theme }, "*");
  }, [ready, cast, speed, theme]);
  return (
    <section aria-label={t("terminal.replay")} className="border-b border-line bg-sunken p-3">
      <div className="mb-2 flex items-center gap-2">
        <h2 className="flex-1 font-medium">{chunk === null ? t("terminal.replayAll") : t("terminal.replayChunk", { chunk })}</h2>
        <Segments label={t("terminal.speed")} value={speed} onChange={setSpeed} options={SPEEDS.map((value) => ({ value, label: `${value}×` }))} />
        <IconButton size="sm" label={t("close", { ns: "common" })} icon={<X size={15} />} onClick={onClose} />
      </div>
      {failure !== null ? (
        <Note kind="bad" title={explain(failure).title}>
          {explain(failure).detail}
        </Note>
      ) : (
        <>
          {cast === null || !ready ? <Working>{t("terminal.player")}</Working> : null}
          <iframe ref={frame} src="/player.html" sandbox="allow-scripts" title={t("terminal.replay")} className="h-96 w-full rounded-lg bg-terminal" />
        </>
      )}
    </section>
  );
}
