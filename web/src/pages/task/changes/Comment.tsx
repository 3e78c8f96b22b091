import { Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { Button, IconButton } from "@/ui/Button";
import { Textarea } from "@/ui/Field";

/** A remark that is being written below its line. */
export function CommentBox({ start, text, onSave, onClose }: { start: string; text: string; onSave: (text: string) => void; onClose: () => void }) {
  const { t } = useTranslation("task");
  const [typed, setTyped] = useState(text);
  return (
    <form
      className="m-2 max-w-2xl rounded-lg border border-line bg-raised p-2.5 font-sans shadow-card"
      onSubmit={(event) => {
        event.preventDefault();
        if (typed.trim()) onSave(typed.trim());
      }}
    >
      <Textarea
        // The person has just asked for it.
        // eslint-disable-next-line jsx-a11y/no-autofocus
        autoFocus
        rows={3}
        value={typed}
        aria-label={t("comment.label", { where: start })}
        placeholder={t("comment.placeholder")}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") onClose();
          if (event.key === "Enter" && (event.metaKey || event.ctrlKey) && typed.trim()) onSave(typed.trim());
        }}
      />
      <div className="mt-2 flex items-center justify-end gap-2">
        <p className="flex-1 text-xs text-faint">{t("comment.about")}</p>
        <Button size="sm" onClick={onClose}>
          {t("cancel", { ns: "common" })}
        </Button>
        <Button size="sm" look="primary" type="submit" disabled={!typed.trim()}>
          {t("comment.save")}
        </Button>
      </div>
    </form>
  );
}

export function CommentNote({ text, onEdit, onDrop }: { text: string; onEdit: () => void; onDrop: () => void }) {
  const { t } = useTranslation("task");
  return (
    <div className="m-2 flex max-w-2xl items-start gap-2 rounded-lg border border-accent/40 bg-accent-soft px-3 py-2 font-sans">
      <button type="button" onClick={onEdit} className="min-w-0 flex-1 text-left wrap-break-word whitespace-pre-wrap">
        {text}
      </button>
      <IconButton size="sm" label={t("comment.drop")} icon={<Trash2 size={13} />} onClick={onDrop} />
    </div>
  );
}
