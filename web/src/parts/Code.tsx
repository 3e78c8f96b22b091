import { useEffect, useState } from "react";

import { Copy } from "@/ui/Copy";

import { highlight, languageNamed, type Token } from "./highlight";

/** The colours of a text, null until they are there and where it has none. */
export function useTokens(text: string, language: string | null): Token[][] | null {
  const [held, setHeld] = useState<{ text: string; tokens: Token[][] | null } | null>(null);
  useEffect(() => {
    let current = true;
    void highlight(text, language).then((tokens) => {
      if (current) setHeld({ text, tokens });
    });
    return () => {
      current = false;
    };
  }, [text, language]);
  return held?.text === text ? held.tokens : null;
}

export function Tokens({ tokens }: { tokens: readonly Token[] }) {
  return tokens.map((token, index) =>
    token.kind ? (
      <span key={index} className={token.kind}>
        {token.text}
      </span>
    ) : (
      token.text
    ),
  );
}

/** A block of code as it stands in a text. */
export function CodeBlock({ text, language }: { text: string; language: string }) {
  const tokens = useTokens(text, languageNamed(language));
  return (
    <div className="group/code relative my-3">
      <pre
        // A block that is wider than the page is scrolled, which the keyboard must be able to do, too.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        className="overflow-x-auto rounded-lg border border-line bg-sunken p-3 font-mono text-xs leading-5 scroll-thin"
      >
        <code>
          {tokens
            ? tokens.map((line, index) => (
                <span key={index}>
                  {index > 0 ? "\n" : null}
                  <Tokens tokens={line} />
                </span>
              ))
            : text}
        </code>
      </pre>
      <span className="absolute top-1.5 right-1.5 opacity-0 transition-opacity group-focus-within/code:opacity-100 group-hover/code:opacity-100">
        <Copy text={text} />
      </span>
    </div>
  );
}
