import type { Node, Pointer } from "./node";

/** The two bracket forms in which an answer points to lines of a file or of a terminal's output. */
const FORM = /【(F:)?([^†【】\n]{1,4096})†L([0-9]{1,9})(?:-L?([0-9]{1,9}))?】/g;

export type Piece = { kind: "text"; text: string } | { kind: "pointer"; pointer: Pointer; index: number };

/** A text in pieces: what stands between the pointers, and these, counted from `from`. */
export function pieces(text: string, from: number): Piece[] {
  const found: Piece[] = [];
  let end = 0;
  let index = from;
  for (const match of text.matchAll(FORM)) {
    const [whole, file, target = "", start = "1", last] = match;
    if (match.index > end) found.push({ kind: "text", text: text.slice(end, match.index) });
    found.push({
      kind: "pointer",
      index: index++,
      pointer: { kind: file ? "file" : "terminal", target, start: Number(start), end: Number(last ?? start) },
    });
    end = match.index + whole.length;
  }
  if (end < text.length) found.push({ kind: "text", text: text.slice(end) });
  return found;
}

/** Makes `cite` parts of the pointers in a text; code is left alone. */
export function citeIn(tree: Node): void {
  let count = 0;
  const visit = (node: Node): void => {
    if (!node.children) return;
    node.children = node.children.flatMap((child): Node[] => {
      if (child.type !== "text" || !child.value?.includes("【")) {
        visit(child);
        return [child];
      }
      return pieces(child.value, count).map((piece): Node => {
        if (piece.kind === "text") return { type: "text", value: piece.text };
        count = piece.index + 1;
        return { type: "cite", pointer: piece.pointer, index: piece.index };
      });
    });
  };
  visit(tree);
}
