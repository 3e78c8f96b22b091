interface Node {
  type: string;
  value?: string;
  children?: Node[];
  data?: { hName?: string; hProperties?: Record<string, string | number> };
}

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

const element = (name: string, children: Node[], properties: Record<string, string | number> = {}): Node => ({
  type: name,
  data: { hName: name, hProperties: properties },
  children,
});

/** A remark plug-in for what a review found: `- [P1] Title PLACE`, and why on the lines below. */
export function remarkFindings() {
  return (tree: Node): void => {
    const visit = (node: Node): void => {
      for (const child of node.children ?? []) visit(child);
      const paragraph = node.type === "listItem" ? node.children?.[0] : undefined;
      const first = paragraph?.children?.[0];
      const priority = first?.type === "text" ? PRIORITY.exec(first.value ?? "") : null;
      if (!paragraph?.children || !first || !priority) return;
      const rest = { ...first, value: first.value?.slice(priority[0].length) ?? "" };
      const [title, why] = firstLine([rest, ...paragraph.children.slice(1)]);
      node.data = { hProperties: { dataFinding: Number(priority[1]) } };
      node.children = [
        element("strong", title, { dataPriority: `P${priority[1]}` }),
        ...(why.length > 0 ? [{ type: "paragraph", children: why }] : []),
        ...(node.children?.slice(1) ?? []),
      ];
    };
    visit(tree);
  };
}
