import { Check, Copy as CopyIcon } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { IconButton } from "./Button";

/** Copies and says so, for a moment, in its own place. */
export function Copy({ text, label }: { text: string | (() => Promise<string>); label?: string }) {
  const { t } = useTranslation();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), 1600);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async (): Promise<void> => {
    await copyText(typeof text === "string" ? text : await text());
    setCopied(true);
  };
  return (
    <IconButton
      size="sm"
      label={copied ? t("copied") : (label ?? t("copy"))}
      icon={copied ? <Check size={14} className="text-good" /> : <CopyIcon size={14} />}
      onClick={() => void copy()}
    />
  );
}

/** The clipboard's own interface is only there over HTTPS and on the loopback; the old way works everywhere. */
export async function copyText(text: string): Promise<void> {
  if (window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("readonly", "");
  area.className = "fixed opacity-0";
  document.body.append(area);
  area.select();
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- nothing else copies on a page that is not "secure"
  document.execCommand("copy");
  area.remove();
}
