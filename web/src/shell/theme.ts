import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark" | "system";

const KEY = "journeyman.theme";
const listeners = new Set<() => void>();
const dark = matchMedia("(prefers-color-scheme: dark)");

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}

let chosen = stored();

function apply(): void {
  const shown = chosen === "system" ? (dark.matches ? "dark" : "light") : chosen;
  document.documentElement.dataset["theme"] = shown;
  for (const listener of listeners) listener();
}

dark.addEventListener("change", apply);

export function setTheme(theme: Theme): void {
  chosen = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Storage is closed to this page: the choice lasts as long as the page.
  }
  apply();
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useTheme = (): Theme => useSyncExternalStore(listen, () => chosen);

/** What is painted now, whatever it comes from. */
export const useShownTheme = (): "light" | "dark" =>
  useSyncExternalStore(listen, () => (document.documentElement.dataset["theme"] === "dark" ? "dark" : "light"));
