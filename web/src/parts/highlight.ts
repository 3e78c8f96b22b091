import type { HighlighterCore, LanguageInput } from "shiki/core";

/** A stretch of a line in one colour; `kind` is a class of app.css, "" for plain text. */
export interface Token {
  text: string;
  kind: string;
}

/** Each grammar is a file of its own, fetched when the first text of its language is shown. */
const GRAMMARS: Record<string, () => Promise<unknown>> = {
  bash: () => import("shiki/langs/bash.mjs"),
  c: () => import("shiki/langs/c.mjs"),
  cpp: () => import("shiki/langs/cpp.mjs"),
  csharp: () => import("shiki/langs/csharp.mjs"),
  css: () => import("shiki/langs/css.mjs"),
  diff: () => import("shiki/langs/diff.mjs"),
  docker: () => import("shiki/langs/docker.mjs"),
  elixir: () => import("shiki/langs/elixir.mjs"),
  go: () => import("shiki/langs/go.mjs"),
  haskell: () => import("shiki/langs/haskell.mjs"),
  html: () => import("shiki/langs/html.mjs"),
  ini: () => import("shiki/langs/ini.mjs"),
  java: () => import("shiki/langs/java.mjs"),
  javascript: () => import("shiki/langs/javascript.mjs"),
  json: () => import("shiki/langs/json.mjs"),
  jsx: () => import("shiki/langs/jsx.mjs"),
  kotlin: () => import("shiki/langs/kotlin.mjs"),
  lua: () => import("shiki/langs/lua.mjs"),
  make: () => import("shiki/langs/make.mjs"),
  markdown: () => import("shiki/langs/markdown.mjs"),
  php: () => import("shiki/langs/php.mjs"),
  python: () => import("shiki/langs/python.mjs"),
  ruby: () => import("shiki/langs/ruby.mjs"),
  rust: () => import("shiki/langs/rust.mjs"),
  scala: () => import("shiki/langs/scala.mjs"),
  scss: () => import("shiki/langs/scss.mjs"),
  sql: () => import("shiki/langs/sql.mjs"),
  swift: () => import("shiki/langs/swift.mjs"),
  toml: () => import("shiki/langs/toml.mjs"),
  tsx: () => import("shiki/langs/tsx.mjs"),
  typescript: () => import("shiki/langs/typescript.mjs"),
  vue: () => import("shiki/langs/vue.mjs"),
  xml: () => import("shiki/langs/xml.mjs"),
  yaml: () => import("shiki/langs/yaml.mjs"),
};

const OTHER_NAMES: Record<string, string> = {
  sh: "bash",
  shell: "bash",
  console: "bash",
  zsh: "bash",
  h: "c",
  cc: "cpp",
  hpp: "cpp",
  cs: "csharp",
  patch: "diff",
  dockerfile: "docker",
  ex: "elixir",
  exs: "elixir",
  hs: "haskell",
  htm: "html",
  cfg: "ini",
  js: "javascript",
  mjs: "javascript",
  cjs: "javascript",
  jsonc: "json",
  kt: "kotlin",
  makefile: "make",
  mk: "make",
  md: "markdown",
  py: "python",
  pyi: "python",
  rb: "ruby",
  rs: "rust",
  ts: "typescript",
  mts: "typescript",
  svg: "xml",
  yml: "yaml",
};

/** What a fence or a file's ending calls a language, as a grammar of ours; null for what we have none of. */
export function languageNamed(name: string): string | null {
  const lower = name.toLowerCase();
  const found = OTHER_NAMES[lower] ?? lower;
  return found in GRAMMARS ? found : null;
}

export function languageOf(path: string): string | null {
  const file = path.split("/").at(-1) ?? path;
  const ending = file.includes(".") ? (file.split(".").at(-1) ?? "") : file;
  return languageNamed(ending);
}

/** The variables that shiki's theme of variables paints with, and our classes for them. */
const KINDS: Record<string, string> = {
  "--s-token-keyword": "tok-keyword",
  "--s-token-string": "tok-string",
  "--s-token-string-expression": "tok-string",
  "--s-token-constant": "tok-number",
  "--s-token-comment": "tok-comment",
  "--s-token-function": "tok-function",
  "--s-token-parameter": "",
  "--s-token-punctuation": "",
  "--s-token-link": "tok-string",
  "--s-token-inserted": "tok-string",
  "--s-token-deleted": "tok-keyword",
};

let core: Promise<HighlighterCore> | null = null;

/** The engine in plain JavaScript: the other one is WebAssembly, which the content-security policy stops. */
async function make(): Promise<HighlighterCore> {
  const { createCssVariablesTheme, createHighlighterCore } = await import("shiki/core");
  const { createJavaScriptRegexEngine } = await import("shiki/engine/javascript");
  return createHighlighterCore({
    themes: [createCssVariablesTheme({ name: "variables", variablePrefix: "--s-", variableDefaults: {} })],
    langs: [],
    engine: createJavaScriptRegexEngine({ forgiving: true }),
  });
}

/** The highlighter with a grammar; null while it cannot be fetched: the text stays plain then, and the next asks anew. */
async function fetched(language: string, grammar: LanguageInput): Promise<HighlighterCore | null> {
  try {
    core ??= make();
    const highlighter = await core;
    if (!highlighter.getLoadedLanguages().includes(language)) await highlighter.loadLanguage(grammar);
    return highlighter;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    core = null;
    return null;
  }
}

function kindOf(color: string | undefined): string {
  const name = /var\((--[\w-]+)/.exec(color ?? "")?.[1];
  return name ? (KINDS[name] ?? "") : "";
}

/** Longer texts, and longer lines, are shown plain: colouring them would hold up the page. */
const LONGEST = 400_000;
const LONGEST_LINE = 2_000;

/** The lines of a text in their colours; null where it stays plain. */
export async function highlight(text: string, language: string | null): Promise<Token[][] | null> {
  if (language === null || text.length > LONGEST) return null;
  const grammar = GRAMMARS[language];
  if (!grammar) return null;
  const highlighter = await fetched(language, grammar as LanguageInput);
  if (!highlighter) return null;
  const { tokens } = highlighter.codeToTokens(text, {
    lang: language,
    theme: "variables",
    tokenizeMaxLineLength: LONGEST_LINE,
    tokenizeTimeLimit: 200,
  });
  return tokens.map((line) => line.map((token) => ({ text: token.content, kind: kindOf(token.color) })));
}
