import { Ellipsis, Link2, Plus, Trash2, UserPlus, X } from "lucide-react";
import { type SyntheticEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import {
  useAddGroup,
  useChangePerson,
  useEndSessions,
  useGroups,
  useInvitations,
  useInvite,
  usePeople,
  useRemoveGroup,
  useResetLink,
  useSetMember,
  useWithdraw,
} from "@/api/people";
import { useSession } from "@/api/session";
import type { GroupView, Person } from "@/api/types";
import { date } from "@/i18n/format";
import { explain, sayFailed } from "@/shell/errors";
import { Failed } from "@/shell/Failed";
import { Badge } from "@/ui/Badge";
import { Button, IconButton } from "@/ui/Button";
import { Confirm, Dialog } from "@/ui/Dialog";
import { Field, Input, Select } from "@/ui/Field";
import { Menu, MenuCheck, MenuItem, MenuLabel, MenuLine } from "@/ui/Menu";
import { Panel } from "@/ui/Panel";
import { Note, Working } from "@/ui/States";
import { say } from "@/ui/toast";

import { HeaderAction } from "./HeaderAction";
import { ShownOnce } from "./Secret";
import { Cell, Head, Table } from "./Table";

const ROLES = ["viewer", "member", "admin"] as const;

export function People() {
  const { t } = useTranslation("settings");
  const people = usePeople();
  const groups = useGroups();
  const [inviting, setInviting] = useState(false);
  const [link, setLink] = useState<string | null>(null);
  // Asked for here too, so that what stands below them does not move when they come.
  const invitations = useInvitations(true);
  if (people.isPending || groups.isPending || invitations.isPending) return <Working>{t("people.loading")}</Working>;
  if (!people.data) return <Failed error={people.error} className="" onRetry={() => void people.refetch()} />;
  if (!groups.data) return <Failed error={groups.error} className="" onRetry={() => void groups.refetch()} />;
  const own = groups.data.filter((group) => !group.builtin);
  return (
    <>
      <HeaderAction>
        <Button look="primary" icon={<UserPlus size={15} />} onClick={() => setInviting(true)}>
          {t("invite")}
        </Button>
      </HeaderAction>
      <Table label={t("section.people")} heads={[t("field.name"), t("field.role"), t("groups"), <span key="a" className="sr-only">{t("acts")}</span>]}>
        {people.data.map((person) => (
          <PersonRow key={person.id} person={person} groups={own} onLink={setLink} />
        ))}
      </Table>
      <Invitations groups={own} />
      <Groups groups={own} people={people.data} />
      {inviting ? (
        <Invite
          groups={own}
          onClose={() => setInviting(false)}
          onMade={(made) => {
            setInviting(false);
            setLink(made);
          }}
        />
      ) : null}
      {link ? <ShownOnce title={t("link.title")} about={t("link.about")} text={link} onClose={() => setLink(null)} /> : null}
    </>
  );
}

function PersonRow({ person, groups, onLink }: { person: Person; groups: GroupView[]; onLink: (link: string) => void }) {
  const { t } = useTranslation("settings");
  const self = useSession().data?.person?.id === person.id;
  const change = useChangePerson();
  const member = useSetMember();
  const end = useEndSessions();
  const reset = useResetLink();
  const [asks, setAsks] = useState(false);
  const failed = (error: unknown): void => sayFailed(error, t("people.unchanged", { name: person.name }));
  const named = groups.filter((group) => person.groups.includes(group.id)).map((group) => group.name);
  return (
    <tr className={person.disabled ? "text-muted" : undefined}>
      <Head>
        <span className="flex flex-wrap items-center gap-x-2">
          <span className="font-medium">{person.name}</span>
          {self ? <Badge tone="accent">{t("people.you")}</Badge> : null}
          {person.disabled ? <Badge tone="bad">{t("people.disabled")}</Badge> : null}
          {person.subject ? <Badge>{t("people.openid")}</Badge> : null}
        </span>
        <span className="block text-sm text-muted">{person.email}</span>
      </Head>
      <Cell className="min-w-44">
        <Select
          aria-label={t("people.roleOf", { name: person.name })}
          value={person.role}
          onChange={(role) => change.mutate({ id: person.id, role }, { onError: failed })}
          options={ROLES.map((value) => ({ value, label: t(`role.${value}`) }))}
        />
      </Cell>
      <Cell className="text-sm text-muted">{named.length > 0 ? named.join(", ") : "—"}</Cell>
      <Cell className="text-right">
        <Menu label={t("people.acts", { name: person.name })} trigger={<IconButton size="sm" label={t("people.acts", { name: person.name })} icon={<Ellipsis size={16} />} />}>
          {groups.length > 0 ? <MenuLabel>{t("groups")}</MenuLabel> : null}
          {groups.map((group) => (
            <MenuCheck
              key={group.id}
              checked={person.groups.includes(group.id)}
              onChange={(wanted) => member.mutate({ group: group.id, person: person.id, member: wanted }, { onError: failed })}
            >
              {group.name}
            </MenuCheck>
          ))}
          {groups.length > 0 ? <MenuLine /> : null}
          <MenuItem disabled={person.disabled} onSelect={() => reset.mutate(person.id, { onSuccess: (made) => onLink(made.link), onError: failed })}>
            {t("people.reset")}
          </MenuItem>
          <MenuItem
            onSelect={() =>
              end.mutate(person.id, { onSuccess: ({ ended }) => say({ kind: "done", title: t("sessions.done", { count: ended }) }), onError: failed })
            }
          >
            {t("people.signOut")}
          </MenuItem>
          <MenuLine />
          {person.disabled ? (
            <MenuItem onSelect={() => change.mutate({ id: person.id, disabled: false }, { onError: failed })}>{t("people.enable")}</MenuItem>
          ) : (
            <MenuItem danger onSelect={() => setAsks(true)}>
              {t("people.disable")}
            </MenuItem>
          )}
        </Menu>
        <Confirm
          open={asks}
          onOpenChange={setAsks}
          title={t("people.disableTitle", { name: person.name })}
          about={t("people.disableAbout")}
          action={t("people.disable")}
          busy={change.isPending && t("saving", { ns: "common" })}
          onConfirm={() => change.mutate({ id: person.id, disabled: true }, { onSuccess: () => setAsks(false), onError: failed })}
        />
      </Cell>
    </tr>
  );
}

function Invitations({ groups }: { groups: GroupView[] }) {
  const { t } = useTranslation("settings");
  const open = useInvitations(true);
  const withdraw = useWithdraw();
  if (!open.data?.length) return null;
  const names = new Map(groups.map((group) => [group.id, group.name]));
  return (
    <Panel title={t("invitations")} about={t("invitations.about")}>
      <ul className="divide-y divide-line">
        {open.data.map((one) => (
          <li key={one.id} className="flex items-center gap-3 py-2">
            <Link2 size={15} aria-hidden className="shrink-0 text-faint" />
            <span className="min-w-0 flex-1">
              <span className="block truncate">{one.email ?? t("invitations.anybody")}</span>
              <span className="block text-sm text-muted">
                {[one.person ? t("people.reset") : t(`role.${one.role}`), ...one.groups.map((id) => names.get(id) ?? id), t("invitations.until", { date: date(one.expires) })].join(" · ")}
              </span>
            </span>
            <IconButton
              size="sm"
              label={t("invitations.withdraw", { name: one.email ?? t("invitations.anybody") })}
              icon={<X size={15} />}
              onClick={() => withdraw.mutate(one.id, { onError: (error) => sayFailed(error) })}
            />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Groups({ groups, people }: { groups: GroupView[]; people: Person[] }) {
  const { t } = useTranslation("settings");
  const add = useAddGroup();
  const remove = useRemoveGroup();
  const [name, setName] = useState("");
  const [gone, setGone] = useState<GroupView | null>(null);
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    add.mutate(name.trim(), { onSuccess: () => setName(""), onError: (error) => sayFailed(error) });
  };
  const names = new Map(people.map((person) => [person.id, person.name]));
  return (
    <Panel title={t("groups")} about={t("groups.about")}>
      <ul className="divide-y divide-line">
        {groups.map((group) => (
          <li key={group.id} className="flex items-center gap-3 py-2">
            <span className="min-w-0 flex-1">
              <span className="font-medium">{group.name}</span>
              <span className="block text-sm text-muted">
                {group.members.length > 0 ? group.members.map((id) => names.get(id) ?? id).join(", ") : t("groups.empty")}
              </span>
            </span>
            <IconButton size="sm" label={t("groups.remove", { name: group.name })} icon={<Trash2 size={14} />} onClick={() => setGone(group)} />
          </li>
        ))}
      </ul>
      <form onSubmit={submit} className="mt-3 flex items-end gap-2">
        <Field label={t("groups.new")}>
          {(ids) => <Input {...ids} required maxLength={128} value={name} onChange={(event) => setName(event.target.value)} />}
        </Field>
        <Button type="submit" icon={<Plus size={14} />} busy={add.isPending && t("creating")}>
          {t("create")}
        </Button>
      </form>
      <Confirm
        open={gone !== null}
        onOpenChange={(open) => (open ? undefined : setGone(null))}
        title={t("groups.removeTitle", { name: gone?.name })}
        about={t("groups.removeAbout")}
        action={t("groups.removeAct")}
        busy={remove.isPending && t("saving", { ns: "common" })}
        onConfirm={() => {
          if (gone) remove.mutate(gone.id, { onSuccess: () => setGone(null), onError: (error) => sayFailed(error) });
        }}
      />
    </Panel>
  );
}

function Invite({ groups, onClose, onMade }: { groups: GroupView[]; onClose: () => void; onMade: (link: string) => void }) {
  const { t } = useTranslation("settings");
  const invite = useInvite();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<(typeof ROLES)[number]>("member");
  const [group, setGroup] = useState("");
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    invite.mutate({ email: email.trim() || null, role, groups: group ? [group] : [] }, { onSuccess: (made) => onMade(made.link) });
  };
  const failure = invite.error ? explain(invite.error) : null;
  return (
    <Dialog open onOpenChange={(open) => (open ? undefined : onClose())} title={t("invite")} about={t("invite.about")} size="sm">
      <form onSubmit={submit} className="flex flex-col gap-4 pt-2">
        <Field label={t("field.email")} about={t("invite.email")}>
          {(ids) => <Input {...ids} type="email" autoComplete="off" value={email} onChange={(event) => setEmail(event.target.value)} />}
        </Field>
        <Field label={t("field.role")} about={t(`role.about.${role}`)}>
          {(ids) => <Select {...ids} value={role} onChange={setRole} options={ROLES.map((value) => ({ value, label: t(`role.${value}`) }))} />}
        </Field>
        {groups.length > 0 ? (
          <Field label={t("invite.group")}>
            {(ids) => (
              <Select {...ids} value={group} onChange={setGroup} options={[{ value: "", label: t("none", { ns: "common" }) }, ...groups.map((each) => ({ value: each.id, label: each.name }))]} />
            )}
          </Field>
        ) : null}
        {failure ? <Note kind="bad">{failure.detail || failure.title}</Note> : null}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t("cancel", { ns: "common" })}</Button>
          <Button type="submit" look="primary" busy={invite.isPending && t("creating")}>
            {t("invite.make")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
