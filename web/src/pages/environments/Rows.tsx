import { Plus, X } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Button, IconButton } from "@/ui/Button";
import { Input, Select } from "@/ui/Field";

import type { Draft } from "./draft";

type Variables = Draft["variables"];
type Secrets = Draft["secrets"];

export function VariableRows({ rows, onChange }: { rows: Variables; onChange: (rows: Variables) => void }) {
  const { t } = useTranslation("environments");
  const set = (at: number, part: Partial<Variables[number]>): void => onChange(rows.map((row, index) => (index === at ? { ...row, ...part } : row)));
  return (
    <Rows
      names={rows.map((row) => row.name)}
      add={t("variables.add")}
      none={t("variables.none")}
      onAdd={() => onChange([...rows, { name: "", value: "" }])}
      onRemove={(at) => onChange(rows.filter((_, index) => index !== at))}
      row={(at) => (
        <>
          <NameInput value={rows[at]?.name ?? ""} onChange={(name) => set(at, { name })} />
          <Input
            aria-label={t("variables.value")}
            placeholder={t("variables.value")}
            value={rows[at]?.value ?? ""}
            spellCheck={false}
            className="font-mono text-xs!"
            onChange={(event) => set(at, { value: event.target.value })}
          />
        </>
      )}
    />
  );
}

export function SecretRows({ rows, onChange }: { rows: Secrets; onChange: (rows: Secrets) => void }) {
  const { t } = useTranslation("environments");
  const set = (at: number, part: Partial<Secrets[number]>): void => onChange(rows.map((row, index) => (index === at ? { ...row, ...part } : row)));
  return (
    <Rows
      names={rows.map((row) => row.name)}
      add={t("secrets.add")}
      none={t("secrets.none")}
      onAdd={() => onChange([...rows, { name: "", kind: "setup", hosts: "" }])}
      onRemove={(at) => onChange(rows.filter((_, index) => index !== at))}
      row={(at) => {
        const row = rows[at];
        if (!row) return null;
        return (
          <>
            <NameInput value={row.name} onChange={(name) => set(at, { name })} />
            <div className="flex min-w-0 flex-col gap-2">
              <Select
                aria-label={t("secrets.kind")}
                value={row.kind}
                onChange={(kind) => set(at, { kind })}
                options={[
                  { value: "setup", label: t("secrets.setup") },
                  { value: "brokered", label: t("secrets.brokered") },
                ]}
              />
              {row.kind === "brokered" ? (
                <Input
                  aria-label={t("secrets.hosts")}
                  placeholder="api.example.com"
                  value={row.hosts.split("\n").join(" ")}
                  spellCheck={false}
                  className="font-mono text-xs!"
                  onChange={(event) => set(at, { hosts: event.target.value.split(/[\s,]/).join("\n") })}
                />
              ) : null}
            </div>
          </>
        );
      }}
    />
  );
}

function NameInput({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { t } = useTranslation("environments");
  return (
    <Input
      aria-label={t("variables.name")}
      placeholder="NAME"
      value={value}
      spellCheck={false}
      autoComplete="off"
      className="font-mono text-xs!"
      onChange={(event) => onChange(event.target.value)}
    />
  );
}

function Rows({
  names,
  add,
  none,
  row,
  onAdd,
  onRemove,
}: {
  names: string[];
  add: string;
  none: string;
  row: (at: number) => ReactNode;
  onAdd: () => void;
  onRemove: (at: number) => void;
}) {
  const { t } = useTranslation("environments");
  return (
    <div className="flex flex-col gap-2">
      {names.length === 0 ? <p className="text-sm text-muted">{none}</p> : null}
      {names.map((name, index) => (
        <div key={index} className="flex items-start gap-2">
          <div className="grid min-w-0 flex-1 gap-2 sm:grid-cols-[minmax(0,1fr)_minmax(0,2fr)]">{row(index)}</div>
          <IconButton label={t("variables.remove", { name: name || index + 1 })} icon={<X size={15} />} onClick={() => onRemove(index)} />
        </div>
      ))}
      <Button size="sm" icon={<Plus size={14} />} className="self-start" onClick={onAdd}>
        {add}
      </Button>
    </div>
  );
}
