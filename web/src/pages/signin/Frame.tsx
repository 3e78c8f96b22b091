import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { LANGUAGES, type Language, language, setLanguage } from "@/i18n";
import { Logo } from "@/shell/Logo";
import { Segments } from "@/ui/Field";

/** A page of one card, for who is not signed in yet. */
export function Frame({ title, about, children }: { title: string; about?: ReactNode; children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center gap-6 px-4 py-10">
      <div className="flex items-center gap-2.5 text-xl font-semibold">
        <Logo />
        {t("product")}
      </div>
      <section aria-labelledby="title" className="w-full max-w-sm rounded-xl border border-line bg-surface p-6 shadow-card">
        <h1 id="title" className="text-lg font-semibold">
          {title}
        </h1>
        {about ? <div className="mt-1 text-muted">{about}</div> : null}
        <div className="mt-5">{children}</div>
      </section>
      <Segments<Language>
        label={t("language.label")}
        value={language()}
        onChange={(next) => void setLanguage(next)}
        options={(Object.keys(LANGUAGES) as Language[]).map((value) => ({ value, label: LANGUAGES[value] }))}
      />
    </main>
  );
}
