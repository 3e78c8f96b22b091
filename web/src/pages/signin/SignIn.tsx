import { getRouteApi, Navigate, useNavigate } from "@tanstack/react-router";
import { KeyRound } from "lucide-react";
import { type SyntheticEvent, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { ApiError } from "@/api/client";
import { signIn, useSignInWays } from "@/api/session";
import { loadSaid, sentence } from "@/i18n/said";
import { explain } from "@/shell/errors";
import { Failed } from "@/shell/Failed";
import { Button, buttonClass } from "@/ui/Button";
import { Field, Input } from "@/ui/Field";
import { Note, Working } from "@/ui/States";

import { Frame } from "./Frame";

const route = getRouteApi("/sign-in");

export function SignIn() {
  const { t } = useTranslation("signin");
  const { next, refused } = route.useSearch();
  const ways = useSignInWays();
  if (ways.isPending) return <Working className="min-h-dvh">{t("asking")}</Working>;
  if (!ways.data) return <Failed error={ways.error} title={t("failed.ways")} onRetry={() => void ways.refetch()} />;
  if (ways.data.open) return <Navigate to="/" />;
  const { openid, passwords, ready } = ways.data;
  return (
    <Frame title={t("title")}>
      {refused ? <Refused name={refused} /> : null}
      {!ready ? (
        <Note className="mb-4" title={t("notReady")}>
          {t("notReady.about")}
        </Note>
      ) : null}
      {openid ? (
        <a href={`/api/v1/session/openid?next=${encodeURIComponent(next ?? "/")}`} className={`${buttonClass("primary")} w-full`}>
          <KeyRound size={15} />
          {t("openid", { name: openid })}
        </a>
      ) : null}
      {openid && passwords ? <p className="my-4 text-center text-sm text-faint">{t("or")}</p> : null}
      {passwords ? <Password next={next ?? "/"} /> : null}
    </Frame>
  );
}

/** Why the provider's answer did not sign one in: the service leads back here with the name of its sentence. */
function Refused({ name }: { name: string }) {
  const { t } = useTranslation("signin");
  const [said, setSaid] = useState("");
  useEffect(() => {
    void loadSaid().then(() => setSaid(sentence(name)));
  }, [name]);
  return (
    <Note kind="bad" className="mb-4" title={t("refused")}>
      {said || t("refused.about")}
    </Note>
  );
}

function Password({ next }: { next: string }) {
  const { t } = useTranslation("signin");
  const navigate = useNavigate();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    setBusy(true);
    setWrong("");
    signIn(email, password).then(
      () => navigate({ href: next }),
      (error: unknown) => {
        setBusy(false);
        const { title, detail } = explain(error);
        setWrong(error instanceof ApiError && error.status === 401 ? t("wrong") : [title, detail].filter(Boolean).join(". "));
      },
    );
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <Field label={t("email")}>{(ids) => <Input {...ids} type="email" autoComplete="username" required value={email} onChange={(event) => setEmail(event.target.value)} />}</Field>
      <Field label={t("password")} error={wrong || undefined}>
        {(ids) => <Input {...ids} type="password" autoComplete="current-password" required value={password} onChange={(event) => setPassword(event.target.value)} />}
      </Field>
      <Button type="submit" look="primary" busy={busy && t("signingIn")} className="w-full">
        {t("submit")}
      </Button>
      <p className="text-sm text-muted">{t("forgotten")}</p>
    </form>
  );
}
