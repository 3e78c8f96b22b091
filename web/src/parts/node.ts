/** A part of a text in Markdown, as CommonMark and GitHub's tables, lists of tasks and bare addresses have it. */
export interface Node {
  type: string;
  value?: string;
  children?: Node[];
  depth?: number;
  ordered?: boolean | null;
  start?: number | null;
  spread?: boolean | null;
  checked?: boolean | null;
  align?: (string | null)[] | null;
  url?: string;
  alt?: string | null;
  lang?: string | null;
  identifier?: string;
  /** Of a "cite": where it points to, and which of the text's pointers it is. */
  pointer?: Pointer;
  index?: number;
  /** Of an item that is a review's finding, and of its title: 0 (at once) to 3. */
  priority?: number;
}

/** Lines of a file or of a terminal's output. */
export interface Pointer {
  kind: "file" | "terminal";
  target: string;
  start: number;
  end: number;
}
