import i18next from "i18next";
import { initReactI18next } from "react-i18next";

import { en } from "./en";
import { loadSaid } from "./said";

export const LANGUAGES = { en: "English", zh: "中文" } as const;
export type Language = keyof typeof LANGUAGES;

/** The catalogue by its keys; the words themselves are any. */
type Words<T> = { [N in keyof T]: { [K in keyof T[N]]: string } };

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "common";
    keySeparator: false;
    resources: Words<typeof en>;
  }
}

const KEY = "journeyman.language";

/** Written by theme.js before the first paint: what this browser chose, or what its language suggests. */
function chosen(): Language {
  return document.documentElement.lang === "zh" ? "zh" : "en";
}

async function load(language: Language): Promise<void> {
  if (language === "zh" && !i18next.hasResourceBundle("zh", "common")) {
    const { zh } = await import("./zh");
    await loadSaid();
    for (const [name, bundle] of Object.entries(zh)) i18next.addResourceBundle("zh", name, bundle);
  }
}

export async function startLanguages(): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: "en",
    fallbackLng: "en",
    ns: Object.keys(en),
    defaultNS: "common",
    keySeparator: false,
    nsSeparator: false,
    resources: { en },
    interpolation: { escapeValue: false },
    react: { useSuspense: false },
  });
  await setLanguage(chosen(), { keep: false });
}

export async function setLanguage(language: Language, { keep } = { keep: true }): Promise<void> {
  await load(language);
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
  if (keep) {
    try {
      localStorage.setItem(KEY, language);
    } catch {
      // Storage is closed to this page: the choice lasts as long as the page.
    }
  }
}

export function language(): Language {
  return i18next.language === "zh" ? "zh" : "en";
}
