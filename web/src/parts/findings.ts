import type { Node } from "./node";

const PRIORITY = /^\[P([0-3])\] /;

/** The children of a paragraph up to the end of its first line, and those after it. */
function firstLine(children: readonly Node[]): [Node[], Node[]] {
  for (const [index, child] of children.entries()) {
    const at = child.type === "text" ? (child.value?.indexOf("\n") ?? -1) : -1;
    if (at < 0) continue;
    const before = { ...child, value: child.value?.slice(0, at) ?? "" };
    const after = { ...child, value: child.value?.slice(at + 1) ?? "" };
    return [
      [...children.slice(0, index), before],
      [after, ...children.slice(index + 1)],
    ];
  }
  return [[...children], []];
}

/** Of what a review found, `- [P1] Title PLACE` and why on the lines below, makes an item with its title and the reason. */
export function findIn(tree: Node): void {
  for (const child of tree.children ?? []) findIn(child);
  const paragraph = tree.type === "listItem" ? tree.children?.[0] : undefined;
  const first = paragraph?.children?.[0];
  const found = first?.type === "text" ? PRIORITY.exec(first.value ?? "") : null;
  if (!paragraph?.children || !first || !found) return;
  const rest = { ...first, value: first.value?.slice(found[0].length) ?? "" };
  const [title, why] = firstLine([rest, ...paragraph.children.slice(1)]);
  tree.priority = Number(found[1]);
  tree.children = [
    { type: "strong", children: title, priority: tree.priority },
    ...(why.length > 0 ? [{ type: "paragraph", children: why }] : []),
    ...(tree.children?.slice(1) ?? []),
  ];
}
