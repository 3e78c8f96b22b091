interface Node {
  type: string;
  tagName?: string;
  value?: string;
  properties?: Record<string, string | number | boolean | string[]>;
  children?: Node[];
}

/** Nothing goes into these: a block of code is one text, the others have no inside. */
const CLOSED = new Set(["pre", "code", "cite", "img", "br", "hr", "input"]);

const CARET: Node = {
  type: "element",
  tagName: "span",
  properties: {
    ariaHidden: "true",
    dataCaret: "true",
    className: ["ml-0.5", "inline-block", "h-[1em]", "w-[0.45em]", "animate-breathe", "rounded-[1px]", "bg-accent", "align-[-0.15em]"],
  },
  children: [],
};

/** A rehype plug-in that puts a caret behind the last word, within the paragraph or list that it is in. */
export function rehypeCaret() {
  return (tree: Node): void => {
    let at = tree;
    for (;;) {
      const last = at.children?.findLast((child) => child.type === "element" || Boolean(child.value?.trim()));
      if (last?.type !== "element" || CLOSED.has(last.tagName ?? "")) break;
      at = last;
    }
    at.children = [...(at.children ?? []), CARET];
  };
}
