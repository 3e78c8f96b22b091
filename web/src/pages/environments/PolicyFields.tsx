import { useTranslation } from "react-i18next";

import { useMay } from "@/api/session";
import { Field, Segments, Switch, Textarea } from "@/ui/Field";

import type { PolicyDraft } from "./draft";

/** Which requests leave a sandbox in one phase. */
export function PolicyFields({ value, onChange }: { value: PolicyDraft; onChange: (value: PolicyDraft) => void }) {
  const { t } = useTranslation("environments");
  const { administer } = useMay();
  const set = (part: Partial<PolicyDraft>): void => onChange({ ...value, ...part });
  return (
    <div className="flex flex-col gap-3">
      <div>
        <Segments
          label={t("policy.label")}
          value={value.access}
          onChange={(access) => set({ access })}
          options={[
            { value: "off" as const, label: t("policy.off") },
            { value: "allow-list" as const, label: t("policy.allow-list") },
            { value: "on" as const, label: t("policy.on") },
          ]}
        />
        <p className="mt-1 text-sm text-muted">{t(`policy.about.${value.access}`)}</p>
      </div>
      {value.access === "off" ? null : (
        <>
          <div className="flex flex-wrap gap-x-6 gap-y-2">
            {value.access === "allow-list" ? (
              <Switch checked={value.indexes} onChange={(indexes) => set({ indexes })} label={t("policy.indexes")} />
            ) : null}
            <Switch checked={value.readOnly} onChange={(readOnly) => set({ readOnly })} label={t("policy.read")} />
          </div>
          <div className="grid gap-3 sm:grid-cols-2">
            {value.access === "allow-list" ? (
              <Lines label={t("policy.hosts")} about={t("policy.hosts.about")} value={value.hosts} onChange={(hosts) => set({ hosts })} />
            ) : null}
            <Lines label={t("policy.denied")} about={t("policy.denied.about")} value={value.denied} onChange={(denied) => set({ denied })} />
            {administer || value.private ? (
              <Lines label={t("policy.private")} about={t("policy.private.about")} value={value.private} onChange={(text) => set({ private: text })} />
            ) : null}
          </div>
        </>
      )}
    </div>
  );
}

function Lines({ label, about, value, onChange }: { label: string; about: string; value: string; onChange: (value: string) => void }) {
  return (
    <Field label={label} about={about}>
      {(ids) => <Textarea {...ids} rows={3} spellCheck={false} className="font-mono text-xs" value={value} onChange={(event) => onChange(event.target.value)} />}
    </Field>
  );
}
