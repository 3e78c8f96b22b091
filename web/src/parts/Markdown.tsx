import { memo, type ReactNode } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";

import { cx } from "@/ui/class";

import { rehypeCaret } from "./caret";
import { remarkCited, type Pointer } from "./cited";
import { CodeBlock } from "./Code";
import { Diagram } from "./Diagram";
import { remarkFindings } from "./findings";

export type Cite = (pointer: Pointer, index: number) => ReactNode;

const PLUGINS = [remarkGfm, remarkCited, remarkFindings];
const PRIORITIES: Record<string, string> = { P0: "bg-bad-soft text-bad", P1: "bg-bad-soft text-bad", P2: "bg-warn-soft text-warn" };
const SAFE = /^(https?:|mailto:|#)/i;

/** Pictures are named, not loaded: an address in one would tell its host who reads this. */
function components(cite: Cite | undefined): Components {
  return {
    a: ({ href, children }) =>
      href && SAFE.test(href) ? (
        <a href={href} target="_blank" rel="noopener noreferrer nofollow" className="text-accent-text underline underline-offset-2">
          {children}
        </a>
      ) : (
        <span>{children}</span>
      ),
    img: ({ alt, src }) => <span className="text-muted">[{alt ?? (typeof src === "string" ? src : "")}]</span>,
    pre: ({ children }) => <>{children}</>,
    code: ({ className, children }) => {
      const text = typeof children === "string" ? children : Array.isArray(children) ? children.join("") : "";
      const language = /language-(\S+)/.exec(className ?? "")?.[1];
      if (language === "mermaid") return <Diagram source={text} />;
      if (language !== undefined || text.includes("\n")) return <CodeBlock text={text.replace(/\n$/, "")} language={language ?? ""} />;
      return <code className="rounded-sm bg-sunken px-1 py-0.5 font-mono text-[0.85em] wrap-break-word">{children}</code>;
    },
    strong: ({ node, children }) => {
      const priority = node?.properties["dataPriority"];
      if (typeof priority !== "string") return <strong className="font-semibold">{children}</strong>;
      return (
        <strong className="block font-semibold">
          <span className={cx("mr-2 rounded-sm px-1.5 py-0.5 font-mono text-2xs", PRIORITIES[priority] ?? "bg-sunken text-muted")}>{priority}</span>
          {children}
        </strong>
      );
    },
    table: ({ children }) => (
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what is wider than the page is scrolled by keys, too
      <div className="my-3 overflow-x-auto scroll-thin" tabIndex={0}>
        <table className="w-full border-collapse text-left [&_td]:border [&_td]:border-line [&_td]:px-2.5 [&_td]:py-1.5 [&_th]:border [&_th]:border-line [&_th]:bg-sunken [&_th]:px-2.5 [&_th]:py-1.5">
          {children}
        </table>
      </div>
    ),
    cite: ({ node }) => {
      const own = node?.properties;
      const pointer: Pointer = {
        kind: own?.["dataKind"] === "file" ? "file" : "terminal",
        target: String(own?.["dataTarget"]),
        start: Number(own?.["dataStart"]),
        end: Number(own?.["dataEnd"]),
      };
      return cite ? cite(pointer, Number(own?.["dataIndex"])) : null;
    },
  };
}

const PROSE =
  "wrap-break-word leading-6 [&_blockquote]:border-l-2 [&_blockquote]:border-line-strong [&_blockquote]:pl-3 [&_blockquote]:text-muted [&_h1]:mt-5 [&_h1]:mb-2 [&_h1]:text-lg [&_h1]:font-semibold [&_h2]:mt-5 [&_h2]:mb-2 [&_h2]:text-lg [&_h2]:font-semibold [&_h3]:mt-4 [&_h3]:mb-1.5 [&_h3]:font-semibold [&_[data-finding]]:-ml-5 [&_[data-finding]]:my-2 [&_[data-finding]]:list-none [&_[data-finding]]:rounded-lg [&_[data-finding]]:border [&_[data-finding]]:border-line [&_[data-finding]]:bg-surface [&_[data-finding]]:px-3.5 [&_[data-finding]]:py-2.5 [&_[data-finding]_p]:mt-1 [&_[data-finding]_p]:mb-0 [&_[data-finding]_p]:text-muted [&_hr]:my-4 [&_hr]:border-line [&_li]:my-1 [&_ol]:my-2 [&_ol]:list-decimal [&_ol]:pl-5 [&_p]:my-2 [&_ul]:my-2 [&_ul]:list-disc [&_ul]:pl-5 [&>:first-child]:mt-0 [&>:last-child]:mb-0";

/** What a model wrote. No HTML of its own comes through, nothing is loaded from elsewhere. */
export const Markdown = memo(function Markdown({ text, cite }: { text: string; cite?: Cite }) {
  return (
    <div className={PROSE}>
      <ReactMarkdown remarkPlugins={PLUGINS} components={components(cite)} skipHtml>
        {text}
      </ReactMarkdown>
    </div>
  );
});

const PLAIN = "my-3 overflow-x-auto rounded-lg border border-line bg-sunken p-3 font-mono text-xs leading-5 scroll-thin";

/** Half a diagram cannot be drawn, and colours for half a block would be looked for at every word. */
const UNFINISHED: Components = {
  ...components(({ target, start }) => <span className="font-mono text-2xs text-faint">{`${target.split("/").at(-1) ?? target}:${start}`}</span>),
  pre: ({ children }) => <pre className={PLAIN}>{children}</pre>,
  code: ({ children }) => <code className="font-mono text-[0.85em] wrap-break-word">{children}</code>,
};

/** The same for what a model is writing just now, with a caret at its end. */
export const Unfinished = memo(function Unfinished({ text }: { text: string }) {
  return (
    <div className={PROSE}>
      <ReactMarkdown remarkPlugins={PLUGINS} rehypePlugins={[rehypeCaret]} components={UNFINISHED} skipHtml>
        {text}
      </ReactMarkdown>
    </div>
  );
});
