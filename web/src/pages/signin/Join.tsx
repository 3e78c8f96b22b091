import { useNavigate } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { accept, useInvitation } from "@/api/session";
import { explain } from "@/shell/errors";
import { Button } from "@/ui/Button";
import { Field, Input } from "@/ui/Field";
import { Note, Working } from "@/ui/States";

import { Frame } from "./Frame";

/** What an invitation's link opens. Its secret is behind the #, which no browser sends to a server. */
export function Join() {
  const { t } = useTranslation("signin");
  const [secret] = useState(() => location.hash.slice(1));
  const invitation = useInvitation(secret);
  if (!secret) {
    return (
      <Frame title={t("join.none")}>
        <p className="text-muted">{t("join.noneAbout")}</p>
      </Frame>
    );
  }
  if (invitation.isPending) return <Working className="min-h-dvh">{t("join.looking")}</Working>;
  if (!invitation.data) {
    const { title, detail } = explain(invitation.error);
    return (
      <Frame title={t("join.invalid")}>
        <p className="text-muted">{detail || title}</p>
      </Frame>
    );
  }
  return <Form secret={secret} known={invitation.data} />;
}

function Form({ secret, known }: { secret: string; known: NonNullable<ReturnType<typeof useInvitation>["data"]> }) {
  const { t } = useTranslation("signin");
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [email, setEmail] = useState(known.email ?? "");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");
  const renews = typeof known.person === "string";
  const first = known.role === "admin" && !known.email && !renews;
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    setBusy(true);
    setWrong("");
    const who = renews ? {} : { name, ...(known.email ? {} : { email }) };
    accept({ secret, password, ...who }).then(
      () => navigate({ to: first ? "/welcome" : "/", hash: "", replace: true }),
      (error: unknown) => {
        setBusy(false);
        const { title, detail } = explain(error);
        setWrong(detail || title);
      },
    );
  };
  return (
    <Frame title={renews ? t("join.renew") : t("join.title")} about={renews ? t("join.renewAbout", { name: known.person }) : t("join.about", { role: t(`role.${known.role}`) })}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        {renews ? null : (
          <>
            <Field label={t("name")}>{(ids) => <Input {...ids} autoComplete="name" required value={name} onChange={(event) => setName(event.target.value)} />}</Field>
            <Field label={t("email")}>
              {(ids) => <Input {...ids} type="email" autoComplete="username" required disabled={Boolean(known.email)} value={email} onChange={(event) => setEmail(event.target.value)} />}
            </Field>
          </>
        )}
        <Field label={t("join.password")} about={t("join.passwordAbout")}>
          {(ids) => <Input {...ids} type="password" autoComplete="new-password" required minLength={10} value={password} onChange={(event) => setPassword(event.target.value)} />}
        </Field>
        {wrong ? <Note kind="bad">{wrong}</Note> : null}
        <Button type="submit" look="primary" busy={busy && t("join.busy")} className="w-full">
          {renews ? t("join.renewSubmit") : t("join.submit")}
        </Button>
      </form>
    </Frame>
  );
}
