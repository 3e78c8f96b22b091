import { type SyntheticEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { useOwnStandings } from "@/api/administration";
import { useChangePassword, useChangePerson, useEndOtherSessions } from "@/api/people";
import { useSession } from "@/api/session";
import { compact, money } from "@/i18n/format";
import { explain, sayFailed } from "@/shell/errors";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { Field, Input } from "@/ui/Field";
import { Panel } from "@/ui/Panel";
import { say } from "@/ui/toast";

export function Account() {
  const { t } = useTranslation("settings");
  const session = useSession().data;
  const rename = useChangePerson();
  const end = useEndOtherSessions();
  const person = session?.person;
  const [name, setName] = useState(person?.name ?? "");
  if (!person) return null;
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    rename.mutate(
      { id: person.id, name: name.trim() },
      { onSuccess: () => say({ kind: "done", title: t("account.renamed") }), onError: (error) => sayFailed(error) },
    );
  };
  return (
    <>
      <Panel title={t("account.who")} aside={<Badge tone="accent">{t(`role.${person.role}`)}</Badge>}>
        <form onSubmit={submit} className="grid items-end gap-3 sm:grid-cols-[1fr_1fr_auto]">
          <Field label={t("field.name")}>
            {(ids) => <Input {...ids} required maxLength={200} autoComplete="name" value={name} onChange={(event) => setName(event.target.value)} />}
          </Field>
          <Field label={t("field.email")}>{(ids) => <Input {...ids} value={person.email} readOnly className="text-muted!" />}</Field>
          <Button type="submit" disabled={name.trim() === person.name || !name.trim()} busy={rename.isPending && t("saving", { ns: "common" })}>
            {t("save", { ns: "common" })}
          </Button>
        </form>
      </Panel>
      <Password has={session.has_password} />
      <Panel
        title={t("sessions.title")}
        about={t("sessions.about")}
        aside={
          <Button
            busy={end.isPending && t("sessions.busy")}
            onClick={() =>
              end.mutate(undefined, {
                onSuccess: ({ ended }) => say({ kind: "done", title: t("sessions.done", { count: ended }) }),
                onError: (error) => sayFailed(error),
              })
            }
          >
            {t("sessions.end")}
          </Button>
        }
      />
      <Bounds />
    </>
  );
}

function Password({ has }: { has: boolean }) {
  const { t } = useTranslation("settings");
  const change = useChangePassword();
  const [current, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const failure = change.error ? explain(change.error) : null;
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    change.mutate(has ? { current, password } : { password }, {
      onSuccess: () => {
        setCurrent("");
        setPassword("");
        say({ kind: "done", title: t("password.done"), detail: t("password.doneAbout") });
      },
    });
  };
  return (
    <Panel title={t("password.title")} about={t("password.about")}>
      <form onSubmit={submit} className="grid items-start gap-3 sm:grid-cols-[1fr_1fr_auto]">
        {has ? (
          <Field label={t("password.current")}>
            {(ids) => (
              <Input {...ids} required type="password" autoComplete="current-password" value={current} onChange={(event) => setCurrent(event.target.value)} />
            )}
          </Field>
        ) : null}
        <Field label={t("password.new")} error={failure ? failure.detail || failure.title : undefined}>
          {(ids) => (
            <Input {...ids} required type="password" autoComplete="new-password" value={password} onChange={(event) => setPassword(event.target.value)} />
          )}
        </Field>
        <Button type="submit" className="sm:mt-6" busy={change.isPending && t("saving", { ns: "common" })}>
          {t("password.set")}
        </Button>
      </form>
    </Panel>
  );
}

/** What one's own tasks may use, where that is bounded. */
function Bounds() {
  const { t } = useTranslation("settings");
  const standings = useOwnStandings().data ?? [];
  const rows = standings.flatMap(({ quota, day, month, running, whose }) => [
    ...(quota.day.cost ? [{ whose, what: t("bounds.dayCost"), used: money(day.cost), most: money(quota.day.cost) }] : []),
    ...(quota.day.tokens ? [{ whose, what: t("bounds.dayTokens"), used: compact(day.tokens), most: compact(quota.day.tokens) }] : []),
    ...(quota.month.cost ? [{ whose, what: t("bounds.monthCost"), used: money(month.cost), most: money(quota.month.cost) }] : []),
    ...(quota.month.tokens ? [{ whose, what: t("bounds.monthTokens"), used: compact(month.tokens), most: compact(quota.month.tokens) }] : []),
    ...(typeof quota.running === "number" ? [{ whose, what: t("bounds.running"), used: String(running), most: String(quota.running) }] : []),
  ]);
  if (rows.length === 0) return null;
  return (
    <Panel title={t("bounds.title")} about={t("bounds.about")}>
      <ul className="divide-y divide-line">
        {rows.map((row, index) => (
          <li key={index} className="flex justify-between gap-4 py-1.5">
            <span>{row.what}</span>
            <span className="text-muted tabular">{t("bounds.of", { used: row.used, most: row.most })}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
