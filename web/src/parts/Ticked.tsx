import { Fragment } from "react";

/** A sentence of the harness: what stands between backticks is code. */
export function Ticked({ text }: { text: string }) {
  return text.split("`").map((piece, index) => (
    <Fragment key={index}>{index % 2 === 1 ? <code className="rounded-sm bg-sunken px-1 py-0.5 font-mono text-[0.9em] wrap-anywhere">{piece}</code> : piece}</Fragment>
  ));
}
