import { KeyRound, Trash2 } from "lucide-react";
import { type SyntheticEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { useRemoveSecret, useSecrets, useSetSecret } from "@/api/administration";
import { useMay } from "@/api/session";
import type { EnvironmentView } from "@/api/types";
import { sayFailed } from "@/shell/errors";
import { Failed } from "@/shell/Failed";
import { Badge } from "@/ui/Badge";
import { Button, IconButton } from "@/ui/Button";
import { Field, Input, Select } from "@/ui/Field";
import { Note, Working } from "@/ui/States";
import { Ago } from "@/ui/Time";
import { say } from "@/ui/toast";

import { Panel } from "@/ui/Panel";

/** The secrets that this environment uses, and whether each has a value. Values go in and never come out. */
export function Secrets({ view }: { view: EnvironmentView }) {
  const { t } = useTranslation("environments");
  const { administer } = useMay();
  const secrets = useSecrets(administer);
  const bindings = Object.entries(view.environment.secrets ?? {});
  return (
    <div className="flex flex-col gap-4 pt-4">
      <Panel title={t("uses.title")} about={t("uses.about")}>
        {bindings.length === 0 ? (
          <p className="text-muted">{t("uses.none")}</p>
        ) : (
          <ul className="divide-y divide-line">
            {bindings.map(([name, binding]) => (
              <li key={name} className="flex flex-wrap items-center gap-x-3 gap-y-1 py-2">
                <code className="font-mono text-xs">{name}</code>
                <span className="min-w-0 flex-1 text-sm text-muted">
                  {binding.kind === "setup" ? t("secrets.setup") : t("uses.brokered", { hosts: binding.hosts.join(", ") })}
                </span>
                {view.missing_secrets.includes(name) ? <Badge tone="warn">{t("uses.missing")}</Badge> : <Badge tone="good">{t("uses.there")}</Badge>}
              </li>
            ))}
          </ul>
        )}
      </Panel>
      {administer ? (
        <Panel title={t("values.title")} about={t("values.about")}>
          <SetValue view={view} />
          {secrets.isPending ? (
            <Working>{t("values.loading")}</Working>
          ) : !secrets.data ? (
            <Failed error={secrets.error} className="mt-4" onRetry={() => void secrets.refetch()} />
          ) : (
            <Values view={view} secrets={secrets.data.filter((one) => one.environment === null || one.environment === view.name)} />
          )}
        </Panel>
      ) : (
        <Note>{t("values.admin")}</Note>
      )}
    </div>
  );
}

type Held = NonNullable<ReturnType<typeof useSecrets>["data"]>;

function Values({ secrets, view }: { secrets: Held; view: EnvironmentView }) {
  const { t } = useTranslation("environments");
  const remove = useRemoveSecret();
  if (secrets.length === 0) return <p className="mt-4 text-muted">{t("values.none")}</p>;
  return (
    <ul className="mt-4 divide-y divide-line border-t border-line">
      {secrets.map((secret) => (
        <li key={`${secret.name} ${secret.environment ?? ""}`} className="flex items-center gap-3 py-2">
          <KeyRound size={14} aria-hidden className="shrink-0 text-faint" />
          <code className="min-w-0 flex-1 truncate font-mono text-xs">{secret.name}</code>
          <span className="text-sm text-muted">{secret.environment === view.name ? t("values.here") : t("values.all")}</span>
          <span className="text-sm text-faint max-sm:hidden">
            <Ago at={secret.changed} />
          </span>
          <IconButton
            size="sm"
            label={t("values.remove", { name: secret.name })}
            icon={<Trash2 size={14} />}
            onClick={() =>
              remove.mutate(
                { name: secret.name, environment: secret.environment ?? null },
                { onSuccess: () => say({ kind: "done", title: t("values.removed", { name: secret.name }) }), onError: (error) => sayFailed(error) },
              )
            }
          />
        </li>
      ))}
    </ul>
  );
}

function SetValue({ view }: { view: EnvironmentView }) {
  const { t } = useTranslation("environments");
  const set = useSetSecret();
  const [name, setName] = useState(view.missing_secrets[0] ?? "");
  const [value, setValue] = useState("");
  const [scope, setScope] = useState<"here" | "all">("here");
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    set.mutate(
      { name: name.trim(), value, environment: scope === "here" ? view.name : null },
      {
        onSuccess: () => {
          say({ kind: "done", title: t("values.set", { name: name.trim() }) });
          setName("");
          setValue("");
        },
        onError: (error) => sayFailed(error, t("values.failed")),
      },
    );
  };
  return (
    <form onSubmit={submit} className="grid items-end gap-3 sm:grid-cols-[1fr_1.4fr_auto_auto]">
      <Field label={t("variables.name")}>
        {(ids) => (
          <Input {...ids} required pattern="[A-Za-z_][A-Za-z0-9_]*" spellCheck={false} autoComplete="off" value={name} onChange={(event) => setName(event.target.value)} />
        )}
      </Field>
      <Field label={t("values.value")}>
        {(ids) => <Input {...ids} required type="password" autoComplete="new-password" value={value} onChange={(event) => setValue(event.target.value)} />}
      </Field>
      <Field label={t("values.scope")}>
        {(ids) => (
          <Select
            {...ids}
            value={scope}
            onChange={setScope}
            options={[
              { value: "here", label: t("values.here") },
              { value: "all", label: t("values.all") },
            ]}
          />
        )}
      </Field>
      <Button type="submit" look="primary" busy={set.isPending && t("saving", { ns: "common" })}>
        {t("values.submit")}
      </Button>
    </form>
  );
}
