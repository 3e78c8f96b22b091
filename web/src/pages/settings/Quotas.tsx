import { Calculator, Plus, Trash2 } from "lucide-react";
import { type SyntheticEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { useQuotas, useRemoveQuota, useSetQuota } from "@/api/administration";
import { useGroups, usePeople } from "@/api/people";
import type { Quota } from "@/api/types";
import { compact, money } from "@/i18n/format";
import { explain, sayFailed } from "@/shell/errors";
import { Failed } from "@/shell/Failed";
import { Button, IconButton } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Field, Input, Select } from "@/ui/Field";
import { Empty, Note, Working } from "@/ui/States";

import { HeaderAction } from "./HeaderAction";
import { Cell, Head, Table } from "./Table";

/** The names of what a quota can be for, by its `of`. */
function useNames(): Map<string, string> {
  const { t } = useTranslation("settings");
  const people = usePeople();
  const groups = useGroups();
  return new Map([
    ["everybody", t("quotas.everybody")],
    ...(groups.data ?? []).filter((group) => !group.builtin).map((group) => [`group:${group.id}`, group.name] as const),
    ...(people.data ?? []).map((person) => [`person:${person.id}`, person.name] as const),
  ]);
}

export function Quotas() {
  const { t } = useTranslation("settings");
  const quotas = useQuotas();
  const remove = useRemoveQuota();
  const names = useNames();
  const [edited, setEdited] = useState<Quota | "new" | null>(null);
  if (quotas.isPending) return <Working>{t("quotas.loading")}</Working>;
  if (!quotas.data) return <Failed error={quotas.error} className="" onRetry={() => void quotas.refetch()} />;
  const add = (
    <Button look="primary" icon={<Plus size={15} />} onClick={() => setEdited("new")}>
      {t("quotas.new")}
    </Button>
  );
  const bound = (cost: number | null | undefined, tokens: number | null | undefined): string =>
    [...(cost ? [money(cost)] : []), ...(tokens ? [t("quotas.tokens", { count: tokens, shown: compact(tokens) })] : [])].join(", ") || "—";
  return (
    <>
      {quotas.data.length === 0 ? (
        <Empty icon={<Calculator size={30} />} title={t("quotas.none")} actions={add}>
          {t("quotas.noneAbout")}
        </Empty>
      ) : (
        <>
          <HeaderAction>{add}</HeaderAction>
          <Table
            label={t("section.quotas")}
            heads={[t("quotas.of"), t("quotas.day"), t("quotas.month"), t("quotas.running"), t("quotas.queued"), <span key="a" className="sr-only">{t("acts")}</span>]}
          >
            {quotas.data.map((quota) => (
              <tr key={quota.of}>
                <Head>
                  <button type="button" className="min-w-16 rounded-sm text-left font-medium text-accent-text hover:underline" onClick={() => setEdited(quota)}>
                    {names.get(quota.of) ?? quota.of}
                  </button>
                </Head>
                <Cell className="tabular">{bound(quota.day.cost, quota.day.tokens)}</Cell>
                <Cell className="tabular">{bound(quota.month.cost, quota.month.tokens)}</Cell>
                <Cell className="tabular">{quota.running ?? "—"}</Cell>
                <Cell className="tabular">{quota.queued ?? "—"}</Cell>
                <Cell className="text-right">
                  <IconButton
                    size="sm"
                    label={t("quotas.remove", { name: names.get(quota.of) ?? quota.of })}
                    icon={<Trash2 size={14} />}
                    onClick={() => remove.mutate(quota.of, { onError: (error) => sayFailed(error) })}
                  />
                </Cell>
              </tr>
            ))}
          </Table>
        </>
      )}
      {edited ? <EditQuota quota={edited === "new" ? null : edited} names={names} onClose={() => setEdited(null)} /> : null}
    </>
  );
}

function EditQuota({ quota, names, onClose }: { quota: Quota | null; names: Map<string, string>; onClose: () => void }) {
  const { t } = useTranslation("settings");
  const save = useSetQuota();
  const shown = (value: number | null | undefined): string => (typeof value === "number" ? String(value) : "");
  const [of, setOf] = useState(quota?.of ?? "everybody");
  const [form, setForm] = useState({
    dayCost: shown(quota?.day.cost),
    dayTokens: shown(quota?.day.tokens),
    monthCost: shown(quota?.month.cost),
    monthTokens: shown(quota?.month.tokens),
    running: shown(quota?.running),
    queued: shown(quota?.queued),
  });
  const figure = (text: string): number | null => (text.trim() === "" ? null : Number(text));
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    save.mutate(
      {
        of,
        day: { cost: figure(form.dayCost), tokens: figure(form.dayTokens) },
        month: { cost: figure(form.monthCost), tokens: figure(form.monthTokens) },
        running: figure(form.running),
        queued: figure(form.queued),
      },
      { onSuccess: onClose },
    );
  };
  const failure = save.error ? explain(save.error) : null;
  const fields = [
    ["dayCost", t("quotas.dayCost"), "any"],
    ["dayTokens", t("quotas.dayTokens"), "1"],
    ["monthCost", t("quotas.monthCost"), "any"],
    ["monthTokens", t("quotas.monthTokens"), "1"],
    ["running", t("quotas.running"), "1"],
    ["queued", t("quotas.queued"), "1"],
  ] as const;
  return (
    <Dialog open onOpenChange={(open) => (open ? undefined : onClose())} title={quota ? t("quotas.edit") : t("quotas.new")} about={t("quotas.editAbout")} size="sm">
      <form onSubmit={submit} className="grid grid-cols-2 gap-4 pt-2">
        <div className="col-span-2">
          <Field label={t("quotas.of")} about={of === "everybody" ? t("quotas.everybodyAbout") : undefined}>
            {(ids) => (
              <Select {...ids} value={of} onChange={setOf} options={quota ? [{ value: of, label: names.get(of) ?? of }] : [...names].map(([value, label]) => ({ value, label }))} />
            )}
          </Field>
        </div>
        {fields.map(([key, label, step]) => (
          <Field key={key} label={label}>
            {(ids) => (
              <Input {...ids} type="number" min="0" step={step} placeholder={t("quotas.unbounded")} value={form[key]} onChange={(event) => setForm({ ...form, [key]: event.target.value })} />
            )}
          </Field>
        ))}
        {failure ? (
          <Note kind="bad" className="col-span-2">
            {failure.detail || failure.title}
          </Note>
        ) : null}
        <div className="col-span-2 flex justify-end gap-2">
          <Button onClick={onClose}>{t("cancel", { ns: "common" })}</Button>
          <Button type="submit" look="primary" busy={save.isPending && t("saving", { ns: "common" })}>
            {t("save", { ns: "common" })}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
