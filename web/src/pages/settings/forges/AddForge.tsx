import { type SyntheticEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { useAddForge } from "@/api/forges";
import type { ForgeView } from "@/api/types";
import { explain } from "@/shell/errors";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Field, Input, Segments, Select } from "@/ui/Field";
import { say } from "@/ui/toast";

import { type Fault, faultOf } from "./faults";
import { KNOWN, type Place, usualApi } from "./hosts";
import { TokenField } from "./TokenField";

const KINDS: ForgeView["kind"][] = ["github", "gitlab"];

export function AddForge({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation("settings");
  const add = useAddForge();
  const [place, setPlace] = useState<Place>("github");
  const [form, setForm] = useState({ kind: "gitlab" as ForgeView["kind"], address: "", api: "", token: "" });
  const set = (part: Partial<typeof form>): void => setForm({ ...form, ...part });
  const own = place === "own";
  const { kind, address } = own ? form : KNOWN[place];
  const fault = add.error ? faultOf(add.error, own) : null;
  const said = add.error ? explain(add.error) : null;
  const at = (field: Fault): string | undefined => (said && fault === field ? said.detail || said.title : undefined);
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    add.mutate(
      { kind, address: address.trim(), api: own ? form.api.trim() || null : null, token: form.token.trim() },
      {
        onSuccess: (forge) => {
          say({ kind: "done", title: t("forges.added", { name: forge.name }), detail: t("forges.addedAbout", { account: `@${forge.account}` }) });
          onClose();
        },
      },
    );
  };
  return (
    <Dialog open onOpenChange={(open) => (open ? undefined : onClose())} title={t("forges.add")} about={t("forges.addAbout")}>
      <form onSubmit={submit} className="flex flex-col gap-4 pt-2">
        <div>
          <Segments
            label={t("forges.where")}
            value={place}
            onChange={(next) => {
              add.reset();
              setPlace(next);
            }}
            options={[
              { value: "github", label: KNOWN.github.name },
              { value: "gitlab", label: KNOWN.gitlab.name },
              { value: "own", label: t("forges.own") },
            ]}
          />
        </div>
        {own ? (
          <>
            <div className="grid gap-4 sm:grid-cols-[1fr_2fr]">
              <Field label={t("forges.kind")}>
                {(ids) => <Select {...ids} value={form.kind} onChange={(next) => set({ kind: next })} options={KINDS.map((value) => ({ value, label: t(`forges.kind.${value}`) }))} />}
              </Field>
              <Field label={t("forges.address")} about={t("forges.addressAbout")} error={at("address")}>
                {(ids) => <Input {...ids} required type="url" maxLength={300} spellCheck={false} placeholder="https://git.example.org" value={form.address} onChange={(event) => set({ address: event.target.value })} />}
              </Field>
            </div>
            <Api kind={form.kind} address={form.address} value={form.api} onChange={(api) => set({ api })} error={at("api")} />
          </>
        ) : (
          <p className="text-muted">
            <span translate="no" className="font-mono text-sm">
              {address}
            </span>
          </p>
        )}
        <TokenField kind={kind} address={address} value={form.token} onChange={(token) => set({ token })} error={at("token")} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t("cancel", { ns: "common" })}</Button>
          <Button type="submit" look="primary" busy={add.isPending && t("forges.adding")}>
            {t("forges.addAct")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

interface ApiProps {
  kind: ForgeView["kind"];
  address: string;
  value: string;
  onChange: (value: string) => void;
  error: string | undefined;
}

/** Where its API is, for hosts that have it at another place than the usual one. */
function Api({ kind, address, value, onChange, error }: ApiProps) {
  const { t } = useTranslation("settings");
  const usual = usualApi(kind, address);
  return (
    <Field label={t("forges.api")} error={error} about={usual ? t("forges.apiAbout", { usual }) : t("forges.apiUnknown")}>
      {(ids) => <Input {...ids} type="url" maxLength={300} spellCheck={false} placeholder={usual ?? ""} value={value} onChange={(event) => onChange(event.target.value)} />}
    </Field>
  );
}
