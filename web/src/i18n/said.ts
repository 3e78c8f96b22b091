import { language } from "./index";

/**
 * The service's own sentences in the language of the page. What the service says is English: errors name their sentence
 * and what is filled into it; what it stored (why a task waits, what a check is warned of) is recognised by its words.
 * What has no name, such as the words of a model's server, stays as it is.
 */

type Texts = Readonly<Record<string, string>>;

interface Known {
  english: Texts;
  own: Texts;
  patterns: { name: string; pattern: RegExp }[];
}

const FIELD = /\{(=?)(\w+)\}/g;
const MOST = 2000;

let known: Known | null = null;
const before = new Map<string, string>();

/** Fetches the sentences in English, by which they are recognised, and in the language of the page. */
export async function loadSaid(): Promise<void> {
  if (known) return;
  const [english, own] = await Promise.all([import("./en/said"), import("./zh/said")]);
  setSaid(english.said, own.said);
}

export function setSaid(english: Texts, own: Texts): void {
  const patterns = Object.entries(english)
    .sort(([, one], [, other]) => size(other) - size(one))
    .map(([name, text]) => ({ name, pattern: patternOf(text) }));
  before.clear();
  known = { english, own, patterns };
}

function size(text: string): number {
  return text.replace(FIELD, "").length;
}

function patternOf(text: string): RegExp {
  const parts = text.split(/(\{=?\w+\})/);
  const told = parts.map((part, index) => (index % 2 ? `(?<${part.replace(/[{}=]/g, "")}>.+?)` : part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")));
  return new RegExp(`^${told.join("")}$`, "su");
}

function filled(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(FIELD, (_, ours: string, name: string) => {
    const value = values[name] ?? "";
    return ours ? spoken(value) : value;
  });
}

/** A sentence of the service's in the language of the page; as it is, where it has no other one. */
export function spoken(text: string): string {
  if (language() === "en" || !known || !text) return text;
  const earlier = before.get(text);
  if (earlier !== undefined) return earlier;
  if (before.size > MOST) before.clear();
  const said = translated(text, known);
  before.set(text, said);
  return said;
}

function translated(text: string, { own, patterns }: Known): string {
  for (const { name, pattern } of patterns) {
    const found = pattern.exec(text);
    const template = own[name];
    if (found && template !== undefined) return filled(template, found.groups ?? {});
  }
  return text;
}

/** A sentence by its name, as errors give it; `text` where the page does not know the name. */
export function named(name: string | null | undefined, values: Readonly<Record<string, string>>, text: string): string {
  const template = language() === "en" || !known || !name || !Object.hasOwn(known.own, name) ? undefined : known.own[name];
  return template === undefined ? text : filled(template, values);
}

/** A sentence by its name alone, in the language of the page; empty where it has fields, or is none. */
export function sentence(name: string): string {
  const texts = (language() === "en" ? known?.english : known?.own) ?? {};
  const text = Object.hasOwn(texts, name) ? (texts[name] ?? "") : "";
  return text.includes("{") ? "" : text;
}
