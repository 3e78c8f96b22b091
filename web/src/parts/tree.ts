import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmAutolinkLiteralFromMarkdown } from "mdast-util-gfm-autolink-literal";
import { gfmStrikethroughFromMarkdown } from "mdast-util-gfm-strikethrough";
import { gfmTableFromMarkdown } from "mdast-util-gfm-table";
import { gfmTaskListItemFromMarkdown } from "mdast-util-gfm-task-list-item";
import { gfmAutolinkLiteral } from "micromark-extension-gfm-autolink-literal";
import { gfmStrikethrough } from "micromark-extension-gfm-strikethrough";
import { gfmTable } from "micromark-extension-gfm-table";
import { gfmTaskListItem } from "micromark-extension-gfm-task-list-item";

import { citeIn } from "./cited";
import { findIn } from "./findings";
import type { Node } from "./node";

/** A text with its pointers and, of a review, its findings. */
export function read(text: string): Node {
  const tree = fromMarkdown(text, {
    extensions: [gfmAutolinkLiteral(), gfmStrikethrough(), gfmTable(), gfmTaskListItem()],
    mdastExtensions: [gfmAutolinkLiteralFromMarkdown(), gfmStrikethroughFromMarkdown(), gfmTableFromMarkdown(), gfmTaskListItemFromMarkdown()],
  }) as Node;
  citeIn(tree);
  findIn(tree);
  return tree;
}

/** The addresses that a text names apart, by their names. */
export type Definitions = ReadonlyMap<string, string>;

export function definitionsOf(tree: Node): Definitions {
  const found = new Map<string, string>();
  const visit = (node: Node): void => {
    if (node.type === "definition" && node.identifier && node.url && !found.has(node.identifier)) found.set(node.identifier, node.url);
    node.children?.forEach(visit);
  };
  visit(tree);
  return found;
}

/** Behind these there is nothing to be seen. */
const UNSEEN = new Set(["html", "definition"]);

/** The tree with a caret behind the last word, within the paragraph or the list that it is in. */
export function withCaret(tree: Node): Node {
  let at = tree;
  for (;;) {
    const last = at.children?.findLast((child) => !UNSEEN.has(child.type) && (child.type !== "text" || Boolean(child.value?.trim())));
    if (!last?.children || last.type === "cite") break;
    at = last;
  }
  at.children = [...(at.children ?? []), { type: "caret" }];
  return tree;
}
