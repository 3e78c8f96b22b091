import { useTranslation } from "react-i18next";

import { Button } from "@/ui/Button";
import { Copy } from "@/ui/Copy";
import { Dialog } from "@/ui/Dialog";
import { Note } from "@/ui/States";

/** Something that is shown this once: a link, or a token. */
export function ShownOnce({ title, about, text, onClose }: { title: string; about: string; text: string; onClose: () => void }) {
  const { t } = useTranslation("settings");
  return (
    <Dialog
      open
      onOpenChange={(open) => (open ? undefined : onClose())}
      title={title}
      about={about}
      actions={
        <Button look="primary" onClick={onClose}>
          {t("once.done")}
        </Button>
      }
    >
      <div className="flex items-center gap-2 rounded-md border border-line bg-sunken py-1 pr-1 pl-3">
        <code className="min-w-0 flex-1 font-mono text-xs wrap-anywhere select-all">{text}</code>
        <Copy text={text} />
      </div>
      <Note kind="warn" className="mt-3">
        {t("once.about")}
      </Note>
    </Dialog>
  );
}
