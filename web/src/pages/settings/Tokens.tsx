import { KeySquare, Plus, Trash2 } from "lucide-react";
import { type SyntheticEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { useAddToken, useRevokeToken, useTokens } from "@/api/people";
import { useSession } from "@/api/session";
import type { TokenCreate } from "@/api/types";
import { date } from "@/i18n/format";
import { explain, sayFailed } from "@/shell/errors";
import { Failed } from "@/shell/Failed";
import { Badge } from "@/ui/Badge";
import { Button, IconButton } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Field, Input, Select } from "@/ui/Field";
import { Empty, Note, Working } from "@/ui/States";
import { Ago, useNow } from "@/ui/Time";
import { say } from "@/ui/toast";

import { HeaderAction } from "./HeaderAction";
import { ShownOnce } from "./Secret";
import { Cell, Head, Table } from "./Table";

export function Tokens() {
  const { t } = useTranslation("settings");
  const tokens = useTokens();
  const revoke = useRevokeToken();
  const now = useNow();
  const [making, setMaking] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  if (tokens.isPending) return <Working>{t("tokens.loading")}</Working>;
  if (!tokens.data) return <Failed error={tokens.error} className="" onRetry={() => void tokens.refetch()} />;
  const add = (
    <Button look="primary" icon={<Plus size={15} />} onClick={() => setMaking(true)}>
      {t("tokens.new")}
    </Button>
  );
  return (
    <>
      {tokens.data.length === 0 ? (
        <Empty icon={<KeySquare size={30} />} title={t("tokens.none")} actions={add}>
          {t("tokens.noneAbout")}
        </Empty>
      ) : (
        <>
          <HeaderAction>{add}</HeaderAction>
          <Table label={t("section.tokens")} heads={[t("field.name"), t("tokens.scopes"), t("tokens.used"), t("tokens.expires"), <span key="a" className="sr-only">{t("acts")}</span>]}>
            {tokens.data.map((token) => (
              <tr key={token.id}>
                <Head>{token.name}</Head>
                <Cell>
                  <span className="flex flex-wrap gap-1">
                    {token.scopes.map((scope) => (
                      <Badge key={scope}>{t(`scope.${scope}`)}</Badge>
                    ))}
                  </span>
                </Cell>
                <Cell className="whitespace-nowrap text-muted">{token.used ? <Ago at={token.used} /> : t("never")}</Cell>
                <Cell className="whitespace-nowrap text-muted">
                  {!token.expires ? t("tokens.forEver") : token.expires < now ? <Badge tone="bad">{t("tokens.expired")}</Badge> : date(token.expires)}
                </Cell>
                <Cell className="text-right">
                  <IconButton
                    size="sm"
                    label={t("tokens.revoke", { name: token.name })}
                    icon={<Trash2 size={14} />}
                    onClick={() =>
                      revoke.mutate(token.id, {
                        onSuccess: () => say({ kind: "done", title: t("tokens.revoked", { name: token.name }) }),
                        onError: (error) => sayFailed(error),
                      })
                    }
                  />
                </Cell>
              </tr>
            ))}
          </Table>
        </>
      )}
      {making ? (
        <NewToken
          onClose={() => setMaking(false)}
          onMade={(made) => {
            setMaking(false);
            setSecret(made);
          }}
        />
      ) : null}
      {secret ? <ShownOnce title={t("tokens.made")} about={t("tokens.madeAbout")} text={secret} onClose={() => setSecret(null)} /> : null}
    </>
  );
}

function NewToken({ onClose, onMade }: { onClose: () => void; onMade: (secret: string) => void }) {
  const { t } = useTranslation("settings");
  const role = useSession().data?.role ?? "viewer";
  const add = useAddToken();
  const [name, setName] = useState("");
  const [most, setMost] = useState<"read" | "write" | "admin">("read");
  const [days, setDays] = useState("90");
  const scopes = { read: ["read"], write: ["read", "write"], admin: ["read", "write", "admin"] } satisfies Record<string, TokenCreate["scopes"]>;
  const offered = role === "admin" ? (["read", "write", "admin"] as const) : role === "member" ? (["read", "write"] as const) : (["read"] as const);
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    add.mutate({ name: name.trim(), scopes: scopes[most], days: days === "" ? null : Number(days) }, { onSuccess: (made) => onMade(made.secret) });
  };
  const failure = add.error ? explain(add.error) : null;
  return (
    <Dialog open onOpenChange={(open) => (open ? undefined : onClose())} title={t("tokens.new")} about={t("tokens.newAbout")} size="sm">
      <form onSubmit={submit} className="flex flex-col gap-4 pt-2">
        <Field label={t("field.name")} about={t("tokens.nameAbout")}>
          {(ids) => <Input {...ids} required maxLength={200} autoComplete="off" value={name} onChange={(event) => setName(event.target.value)} />}
        </Field>
        <Field label={t("tokens.scopes")} about={t(`scope.about.${most}`)}>
          {(ids) => <Select {...ids} value={most} onChange={setMost} options={offered.map((value) => ({ value, label: t(`scope.${value}`) }))} />}
        </Field>
        <Field label={t("tokens.expires")}>
          {(ids) => (
            <Select
              {...ids}
              value={days}
              onChange={setDays}
              options={[...["7", "30", "90", "365"].map((value) => ({ value, label: t("days", { count: Number(value) }) })), { value: "", label: t("tokens.forEver") }]}
            />
          )}
        </Field>
        {failure ? <Note kind="bad">{failure.detail || failure.title}</Note> : null}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t("cancel", { ns: "common" })}</Button>
          <Button type="submit" look="primary" busy={add.isPending && t("creating")}>
            {t("create")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
