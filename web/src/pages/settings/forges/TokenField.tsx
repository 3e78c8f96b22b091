import { ExternalLink } from "lucide-react";
import { useTranslation } from "react-i18next";

import type { ForgeView } from "@/api/types";
import { Ticked } from "@/parts/Ticked";
import { Field, Input } from "@/ui/Field";

import { tokenPage } from "./hosts";

interface TokenFieldProps {
  kind: ForgeView["kind"];
  /** Of the forge, as a browser opens it; anything while it is being typed. */
  address: string;
  value: string;
  onChange: (value: string) => void;
  error: string | undefined;
}

/** The token of a forge, with what it must be allowed to do there. */
export function TokenField({ kind, address, value, onChange, error }: TokenFieldProps) {
  const { t } = useTranslation("settings");
  const page = tokenPage(kind, address);
  const scopes = kind === "github" ? [t("forges.github.fine"), t("forges.github.checks"), t("forges.github.classic")] : [t("forges.gitlab.scopes"), t("forges.gitlab.role")];
  return (
    <div className="flex flex-col gap-2">
      <Field label={t("forges.token")} error={error}>
        {(ids) => (
          <Input
            {...ids}
            type="password"
            required
            minLength={8}
            maxLength={4096}
            autoComplete="off"
            spellCheck={false}
            className="font-mono"
            value={value}
            onChange={(event) => onChange(event.target.value)}
          />
        )}
      </Field>
      <div className="rounded-md border border-line px-3 py-2 text-sm text-muted">
        <ul className="flex flex-col gap-0.5">
          {scopes.map((words) => (
            <li key={words}>
              <Ticked text={words} />
            </li>
          ))}
        </ul>
        {page ? (
          <a href={page} target="_blank" rel="noopener noreferrer" className="mt-1.5 inline-flex items-center gap-1 text-accent-text underline underline-offset-2">
            {t("forges.make")}
            <ExternalLink size={12} aria-hidden />
          </a>
        ) : null}
      </div>
    </div>
  );
}
