import i18next from "i18next";
import { initReactI18next } from "react-i18next";

import type { en } from "./en";
import { common } from "./en/common";
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

export type Part = Exclude<keyof typeof en, "common">;
type Bundle = Record<string, string>;

/** The words of each part of the app come with its pages. */
const PARTS: Record<Language, Record<Part, () => Promise<Bundle>>> = {
  en: {
    acts: () => import("./en/acts").then((module) => module.acts),
    environments: () => import("./en/environments").then((module) => module.environments),
    home: () => import("./en/home").then((module) => module.home),
    settings: () => import("./en/settings").then((module) => module.settings),
    signin: () => import("./en/signin").then((module) => module.signin),
    task: () => import("./en/task").then((module) => module.task),
    welcome: () => import("./en/welcome").then((module) => module.welcome),
  },
  zh: {
    acts: () => import("./zh/acts").then((module) => module.acts),
    environments: () => import("./zh/environments").then((module) => module.environments),
    home: () => import("./zh/home").then((module) => module.home),
    settings: () => import("./zh/settings").then((module) => module.settings),
    signin: () => import("./zh/signin").then((module) => module.signin),
    task: () => import("./zh/task").then((module) => module.task),
    welcome: () => import("./zh/welcome").then((module) => module.welcome),
  },
};
const wanted = new Set<Part>();

const KEY = "journeyman.language";

/** Written by theme.js before the first paint: what this browser chose, or what its language suggests. */
function chosen(): Language {
  return document.documentElement.lang === "zh" ? "zh" : "en";
}

async function take(language: Language, part: Part | "common", load: () => Promise<Bundle>): Promise<void> {
  if (!i18next.hasResourceBundle(language, part)) i18next.addResourceBundle(language, part, await load());
}

async function load(language: Language): Promise<void> {
  const parts: Promise<void>[] = [...wanted].map((part) => take(language, part, PARTS[language][part]));
  if (language === "zh") parts.push(loadSaid(), take("zh", "common", () => import("./zh/common").then((module) => module.common)));
  await Promise.all(parts);
}

/** The words of a part, in the language of the page and in each that is chosen from then on. */
export async function words(part: Part): Promise<void> {
  wanted.add(part);
  const now = language();
  await take(now, part, PARTS[now][part]);
}

export async function startLanguages(): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: "en",
    fallbackLng: "en",
    ns: ["common"],
    defaultNS: "common",
    keySeparator: false,
    nsSeparator: false,
    resources: { en: { common } },
    interpolation: { escapeValue: false },
    react: { useSuspense: false },
    showSupportNotice: false,
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
