import { createElement, Fragment, memo, type ReactNode } from "react";

import { cx } from "@/ui/class";

import { CodeBlock } from "./Code";
import { Diagram } from "./Diagram";
import type { Node, Pointer } from "./node";
import { type Definitions, definitionsOf, read, withCaret } from "./tree";

export type Cite = (pointer: Pointer, index: number) => ReactNode;

const PRIORITIES = ["bg-bad-soft text-bad", "bg-bad-soft text-bad", "bg-warn-soft text-warn"];
const ALIGN: Record<string, string> = { left: "text-left", center: "text-center", right: "text-right" };
const SAFE = /^(https?:|mailto:|#)/i;

/** How the parts are shown that are not the same everywhere. */
interface Look {
  cite: Cite | undefined;
  block: (text: string, language: string) => ReactNode;
  definitions: Definitions;
}

function all(nodes: readonly Node[] | undefined, look: Look): ReactNode {
  return nodes?.map((node, index) => <Fragment key={index}>{one(node, look)}</Fragment>);
}

/** An address is only gone to where that does nothing but to open it. */
function linked(url: string | undefined, children: ReactNode): ReactNode {
  return url && SAFE.test(url) ? (
    <a href={url} target="_blank" rel="noopener noreferrer nofollow" className="text-accent-text underline underline-offset-2">
      {children}
    </a>
  ) : (
    <span>{children}</span>
  );
}

function strong(node: Node, look: Look): ReactNode {
  const { priority } = node;
  if (priority === undefined) return <strong className="font-semibold">{all(node.children, look)}</strong>;
  return (
    <strong className="block font-semibold">
      <span className={cx("mr-2 rounded-sm px-1.5 py-0.5 font-mono text-2xs", PRIORITIES[priority] ?? "bg-sunken text-muted")}>P{priority}</span>
      {all(node.children, look)}
    </strong>
  );
}

/** The items of a list whose items stand close have no paragraphs of their own. */
function list(node: Node, look: Look): ReactNode {
  const items = node.children ?? [];
  const loose = Boolean(node.spread) || items.some((item) => item.spread);
  const inside = items.map((item, index) => {
    const tight = !loose && item.priority === undefined;
    return (
      <li key={index} data-finding={item.priority}>
        {typeof item.checked === "boolean" ? <input type="checkbox" disabled checked={item.checked} className="mr-1.5 align-middle" /> : null}
        {item.children?.map((child, place) => (
          <Fragment key={place}>{tight && child.type === "paragraph" ? all(child.children, look) : one(child, look)}</Fragment>
        ))}
      </li>
    );
  });
  return node.ordered ? <ol start={node.start ?? 1}>{inside}</ol> : <ul>{inside}</ul>;
}

function table(node: Node, look: Look): ReactNode {
  const [head, ...rows] = node.children ?? [];
  const cells = (row: Node | undefined, tag: "th" | "td"): ReactNode =>
    row?.children?.map((cell, index) => createElement(tag, { key: index, className: ALIGN[node.align?.[index] ?? ""] }, all(cell.children, look)));
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what is wider than the page is scrolled by keys, too
    <div className="my-3 overflow-x-auto scroll-thin" tabIndex={0}>
      <table className="w-full border-collapse text-left [&_td]:border [&_td]:border-line [&_td]:px-2.5 [&_td]:py-1.5 [&_th]:border [&_th]:border-line [&_th]:bg-sunken [&_th]:px-2.5 [&_th]:py-1.5">
        <thead>
          <tr>{cells(head, "th")}</tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>{cells(row, "td")}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const PLAIN_TAGS: Record<string, string> = { paragraph: "p", emphasis: "em", delete: "del", blockquote: "blockquote" };

/** What is not named here, HTML above all, is not shown. Pictures are named and not loaded: an address in one would tell
 * its host who reads this. */
function one(node: Node, look: Look): ReactNode {
  const named = look.definitions.get(node.identifier ?? "");
  switch (node.type) {
    case "text":
      return node.value;
    case "paragraph":
    case "emphasis":
    case "delete":
    case "blockquote":
      return createElement(PLAIN_TAGS[node.type] ?? "span", null, all(node.children, look));
    case "heading":
      return createElement(`h${node.depth ?? 6}`, null, all(node.children, look));
    case "strong":
      return strong(node, look);
    case "inlineCode":
      return <code className="rounded-sm bg-sunken px-1 py-0.5 font-mono text-[0.85em] wrap-break-word">{node.value}</code>;
    case "code":
      return look.block(node.value ?? "", node.lang ?? "");
    case "list":
      return list(node, look);
    case "table":
      return table(node, look);
    case "link":
      return linked(node.url, all(node.children, look));
    case "linkReference":
      return linked(named, all(node.children, look));
    case "image":
    case "imageReference":
      return <span className="text-muted">[{node.alt ?? node.url ?? ""}]</span>;
    case "break":
      return <br />;
    case "thematicBreak":
      return <hr />;
    case "cite":
      return node.pointer && look.cite ? look.cite(node.pointer, node.index ?? 0) : null;
    case "caret":
      return <span aria-hidden data-caret className="ml-0.5 inline-block h-[1em] w-[0.45em] animate-breathe rounded-[1px] bg-accent align-[-0.15em]" />;
    default:
      return null;
  }
}

const PROSE =
  "wrap-break-word leading-6 [&_blockquote]:border-l-2 [&_blockquote]:border-line-strong [&_blockquote]:pl-3 [&_blockquote]:text-muted [&_h1]:mt-5 [&_h1]:mb-2 [&_h1]:text-lg [&_h1]:font-semibold [&_h2]:mt-5 [&_h2]:mb-2 [&_h2]:text-lg [&_h2]:font-semibold [&_h3]:mt-4 [&_h3]:mb-1.5 [&_h3]:font-semibold [&_[data-finding]]:-ml-5 [&_[data-finding]]:my-2 [&_[data-finding]]:list-none [&_[data-finding]]:rounded-lg [&_[data-finding]]:border [&_[data-finding]]:border-line [&_[data-finding]]:bg-surface [&_[data-finding]]:px-3.5 [&_[data-finding]]:py-2.5 [&_[data-finding]_p]:mt-1 [&_[data-finding]_p]:mb-0 [&_[data-finding]_p]:text-muted [&_hr]:my-4 [&_hr]:border-line [&_li]:my-1 [&_ol]:my-2 [&_ol]:list-decimal [&_ol]:pl-5 [&_p]:my-2 [&_ul]:my-2 [&_ul]:list-disc [&_ul]:pl-5 [&>:first-child]:mt-0 [&>:last-child]:mb-0";

const drawn = (text: string, language: string): ReactNode => (language === "mermaid" ? <Diagram source={text} /> : <CodeBlock text={text} language={language} />);

/** What a model wrote. No HTML of its own comes through, nothing is loaded from elsewhere. */
export const Markdown = memo(function Markdown({ text, cite }: { text: string; cite?: Cite }) {
  const tree = read(text);
  return <div className={PROSE}>{all(tree.children, { cite, block: drawn, definitions: definitionsOf(tree) })}</div>;
});

const PLAIN = "my-3 overflow-x-auto rounded-lg border border-line bg-sunken p-3 font-mono text-xs leading-5 scroll-thin";

/** Half a diagram cannot be drawn, and colours for half a block would be looked for at every word. */
const plain = (text: string): ReactNode => (
  <pre className={PLAIN}>
    <code>{text}</code>
  </pre>
);
const named: Cite = ({ target, start }) => <span className="font-mono text-2xs text-faint">{`${target.split("/").at(-1) ?? target}:${start}`}</span>;

/** The same for what a model is writing just now, with a caret at its end. */
export const Unfinished = memo(function Unfinished({ text }: { text: string }) {
  const tree = withCaret(read(text));
  return <div className={PROSE}>{all(tree.children, { cite: named, block: plain, definitions: definitionsOf(tree) })}</div>;
});
