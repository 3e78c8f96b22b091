import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useReplaceForgeToken } from "@/api/forges";
import type { ForgeView } from "@/api/types";
import { explain } from "@/shell/errors";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { say } from "@/ui/toast";

import { TokenField } from "./TokenField";

export function ReplaceToken({ forge, onClose }: { forge: ForgeView; onClose: () => void }) {
  const { t } = useTranslation("settings");
  const replace = useReplaceForgeToken();
  const [token, setToken] = useState("");
  const failure = replace.error ? explain(replace.error) : null;
  return (
    <Dialog open onOpenChange={(open) => (open ? undefined : onClose())} title={t("forges.replaceTitle", { name: forge.name })} about={t("forges.replaceAbout")} size="sm">
      <form
        className="flex flex-col gap-4 pt-2"
        onSubmit={(event) => {
          event.preventDefault();
          replace.mutate(
            { name: forge.name, token: token.trim() },
            {
              onSuccess: () => {
                say({ kind: "done", title: t("forges.replaced", { name: forge.name }) });
                onClose();
              },
            },
          );
        }}
      >
        <TokenField kind={forge.kind} address={forge.address} value={token} onChange={setToken} error={failure ? failure.detail || failure.title : undefined} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t("cancel", { ns: "common" })}</Button>
          <Button type="submit" look="primary" disabled={token.trim() === ""} busy={replace.isPending && t("forges.replacing")}>
            {t("forges.replaceAct")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
