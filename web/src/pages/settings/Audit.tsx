import { ScrollText } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useAudit } from "@/api/administration";
import { usePeople } from "@/api/people";
import { acts } from "@/i18n/en/acts";
import { compact, money, moment } from "@/i18n/format";
import { Failed } from "@/shell/Failed";
import { Button } from "@/ui/Button";
import { Field, Select } from "@/ui/Field";
import { Empty, Working } from "@/ui/States";

import { boundsOf } from "./bounds";
import { Cell, Table } from "./Table";

/** What acts begin with, as the service names them. */
const KINDS = ["", "sign-in", "person.", "invitation.", "group.", "token.", "environment.", "secret.", "model.", "quota.", "schedule.", "retention."] as const;
type Kind = (typeof KINDS)[number];

export function Audit() {
  const { t } = useTranslation("settings");
  const [act, setAct] = useState<Kind>("");
  const [person, setPerson] = useState("");
  const people = usePeople();
  const audit = useAudit({ act, person });
  const entries = audit.data?.pages.flatMap((page) => page.entries) ?? [];
  return (
    <>
      <div className="flex flex-wrap gap-3">
        <Field label={t("audit.kind")}>
          {(ids) => <Select {...ids} value={act} onChange={setAct} options={KINDS.map((value) => ({ value, label: t(`audit.kind.${value}`) }))} />}
        </Field>
        <Field label={t("audit.person")}>
          {(ids) => (
            <Select
              {...ids}
              value={person}
              onChange={setPerson}
              options={[{ value: "", label: t("audit.anybody") }, ...(people.data ?? []).map((each) => ({ value: each.id, label: each.name }))]}
            />
          )}
        </Field>
      </div>
      {audit.isPending ? (
        <Working>{t("audit.loading")}</Working>
      ) : audit.error ? (
        <Failed error={audit.error} className="" onRetry={() => void audit.refetch()} />
      ) : entries.length === 0 ? (
        <Empty icon={<ScrollText size={30} />} title={t("audit.none")}>
          {t("audit.noneAbout")}
        </Empty>
      ) : (
        <>
          <Table label={t("section.audit")} heads={[t("audit.when"), t("audit.who"), t("audit.what"), t("audit.target"), t("audit.from")]}>
            {entries.map((entry) => (
              <tr key={entry.id}>
                <Cell className="text-sm text-muted tabular max-sm:min-w-24 sm:whitespace-nowrap">{moment(entry.at)}</Cell>
                <Cell className="whitespace-nowrap">{entry.person_name ?? (entry.person ? entry.person : t("audit.program"))}</Cell>
                <Cell className="max-sm:min-w-28">
                  <Act name={entry.act} />
                </Cell>
                <Cell className="max-w-80 text-sm" translate="no">
                  <span className="block truncate" title={entry.target}>
                    {entry.target}
                  </span>
                  {entry.detail ? <Detail text={entry.detail} /> : null}
                </Cell>
                <Cell className="text-sm text-muted">{entry.address || "—"}</Cell>
              </tr>
            ))}
          </Table>
          {audit.hasNextPage ? (
            <Button className="self-center" busy={audit.isFetchingNextPage && t("audit.loading")} onClick={() => void audit.fetchNextPage()}>
              {t("audit.more")}
            </Button>
          ) : null}
        </>
      )}
    </>
  );
}

/** More of what was done: words as they are, bounds by their names. */
function Detail({ text }: { text: string }) {
  const { t } = useTranslation("settings");
  const names: Readonly<Record<string, string>> = {
    day: t("quotas.day"),
    month: t("quotas.month"),
    running: t("quotas.running"),
    queued: t("quotas.queued"),
  };
  const said = boundsOf(text)?.map(({ of, unit, value }) => {
    const bound = unit === "cost" ? money(value) : unit === "tokens" ? t("quotas.tokens", { count: value, shown: compact(value) }) : String(value);
    return of ? `${names[of] ?? of}: ${bound}` : bound;
  });
  return <span className="block text-muted wrap-anywhere">{said ? said.join(" · ") : text}</span>;
}

/** What was done, in words; its name in the log is the hint. */
function Act({ name }: { name: string }) {
  const { t } = useTranslation("acts");
  if (!Object.hasOwn(acts, name)) return <code className="font-mono text-xs">{name}</code>;
  return <span title={name}>{t(name as keyof typeof acts)}</span>;
}
