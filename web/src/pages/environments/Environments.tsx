import { Link, useNavigate } from "@tanstack/react-router";
import { Boxes, ChevronRight, Plus } from "lucide-react";
import { type KeyboardEvent, type SyntheticEvent, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { useCreateEnvironment, useEnvironments } from "@/api/environments";
import { useGroups } from "@/api/people";
import { useMay } from "@/api/session";
import type { EnvironmentLine } from "@/api/types";
import { explain } from "@/shell/errors";
import { Failed } from "@/shell/Failed";
import { useShortcuts } from "@/shell/keys";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Field, Input, Select } from "@/ui/Field";
import { Empty, Note, Working } from "@/ui/States";
import { Ago } from "@/ui/Time";

import { StateBadge } from "./StateBadge";

export function Environments() {
  const { t } = useTranslation("environments");
  const environments = useEnvironments();
  const { write } = useMay();
  const [making, setMaking] = useState(false);
  const add = write ? (
    <Button look="primary" icon={<Plus size={15} />} onClick={() => setMaking(true)}>
      {t("new")}
    </Button>
  ) : null;
  return (
    <div className="mx-auto w-full max-w-5xl px-3 pb-16 sm:px-6">
      <header className="flex flex-wrap items-center gap-3 pt-8 pb-5">
        <div className="min-w-0 flex-1">
          <h1 className="text-2xl font-semibold tracking-tight">{t("title")}</h1>
          <p className="mt-1 text-muted">{t("about")}</p>
        </div>
        {environments.data?.length ? add : null}
      </header>
      {environments.isPending ? (
        <Working>{t("loading")}</Working>
      ) : !environments.data ? (
        <Failed error={environments.error} title={t("failed")} className="" onRetry={() => void environments.refetch()} />
      ) : environments.data.length === 0 ? (
        <Empty icon={<Boxes size={32} />} title={t("empty.title")} actions={add}>
          {t("empty.about")}
        </Empty>
      ) : (
        <List lines={environments.data} />
      )}
      {making ? <NewEnvironment onClose={() => setMaking(false)} /> : null}
    </div>
  );
}

function List({ lines }: { lines: EnvironmentLine[] }) {
  const { t } = useTranslation("environments");
  const list = useRef<HTMLUListElement>(null);
  const go = (by: number): void => {
    const links = [...(list.current?.querySelectorAll("a") ?? [])];
    const at = links.findIndex((link) => link === document.activeElement);
    links[Math.min(Math.max(at + by, 0), links.length - 1)]?.focus();
  };
  useShortcuts({ j: () => go(1), k: () => go(-1) });
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "ArrowDown") go(1);
    else if (event.key === "ArrowUp") go(-1);
    else return;
    event.preventDefault();
  };
  const groups = useGroups();
  const names = useMemo(() => new Map(groups.data?.map((group) => [group.id, group.name])), [groups.data]);
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- arrows walk its links
    <ul ref={list} onKeyDown={onKeyDown} className="divide-y divide-line overflow-hidden rounded-xl border border-line bg-surface">
      {lines.map((line) => (
        <li key={line.name}>
          <Link
            to="/environments/$name"
            params={{ name: line.name }}
            className="flex items-center gap-3 px-4 py-3 transition-colors hover:bg-sunken focus-visible:-outline-offset-2"
          >
            <span className="min-w-0 flex-1">
              <span className="flex flex-wrap items-center gap-x-2.5 gap-y-1">
                <span className="font-medium">{line.name}</span>
                <StateBadge state={line.state} />
              </span>
              <span className="mt-0.5 block truncate text-sm text-muted">{line.repository ?? t("noRepository")}</span>
            </span>
            <span className="hidden shrink-0 text-right text-sm text-muted sm:block">
              <span className="block">{line.group ? (names.get(line.group) ?? t("group.other")) : t("group.mine")}</span>
              <span className="block text-xs text-faint">
                {t("changed")} <Ago at={line.changed} />
              </span>
            </span>
            <ChevronRight size={16} className="shrink-0 text-faint" aria-hidden />
          </Link>
        </li>
      ))}
    </ul>
  );
}

function NewEnvironment({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation("environments");
  const navigate = useNavigate();
  const create = useCreateEnvironment();
  const [name, setName] = useState("");
  const [repository, setRepository] = useState("");
  const [group, setGroup] = useState("");
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    create.mutate(
      { name: name.trim(), repository: repository.trim(), text: "", group: group || null },
      { onSuccess: (view) => void navigate({ to: "/environments/$name", params: { name: view.name }, search: { tab: "edit" } }) },
    );
  };
  const failure = create.error ? explain(create.error) : null;
  return (
    <Dialog open onOpenChange={(open) => (open ? undefined : onClose())} title={t("new.title")} about={t("new.about")} size="sm">
      <form onSubmit={submit} className="flex flex-col gap-4 pt-2">
        <Field label={t("field.name")} about={t("field.name.about")}>
          {(ids) => (
            <Input {...ids} required pattern="[A-Za-z0-9][A-Za-z0-9._\-]*" maxLength={64} autoComplete="off" value={name} onChange={(event) => setName(event.target.value)} />
          )}
        </Field>
        <Field label={t("field.repository")} about={t("field.repository.about")}>
          {(ids) => <Input {...ids} required maxLength={1000} autoComplete="off" value={repository} onChange={(event) => setRepository(event.target.value)} />}
        </Field>
        <GroupField value={group} onChange={setGroup} />
        {failure ? (
          <Note kind="bad" title={failure.title}>
            {failure.detail}
          </Note>
        ) : null}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t("cancel", { ns: "common" })}</Button>
          <Button type="submit" look="primary" busy={create.isPending && t("new.busy")}>
            {t("new.submit")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Who sees and uses it beside its owner. */
export function GroupField({ value, onChange }: { value: string; onChange: (group: string) => void }) {
  const { t } = useTranslation("environments");
  const groups = useGroups();
  const { administer } = useMay();
  const options = (groups.data ?? []).filter((group) => !group.builtin || administer || group.id === value);
  return (
    <Field label={t("field.group")} about={t("field.group.about")}>
      {(ids) => (
        <Select
          {...ids}
          value={value}
          onChange={onChange}
          options={[
            { value: "", label: t("group.mine") },
            ...options.map((group) => ({ value: group.id, label: group.builtin ? t("group.everybody") : group.name })),
          ]}
        />
      )}
    </Field>
  );
}
