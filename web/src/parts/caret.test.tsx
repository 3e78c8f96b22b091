import { cleanup, render } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";

import "@/i18n";

import { Unfinished } from "./Markdown";

afterEach(cleanup);

const carets = (text: string): (string | undefined)[] => {
  const { container } = render(<Unfinished text={text} />);
  return [...container.querySelectorAll("[data-caret]")].map((caret) => caret.parentElement?.tagName);
};

it("one caret stands where the writing goes on", () => {
  expect(carets("The price")).toEqual(["P"]);
  expect(carets("One\n\n- first\n- sec")).toEqual(["LI"]);
  expect(carets("Is **bo**")).toEqual(["STRONG"]);
  expect(carets("| a | b |\n| - | - |\n| 1 | 2 |")).toEqual(["TD"]);
});

it("it stands behind code, a quote of which may be open", () => {
  expect(carets("See `price`")).toEqual(["P"]);
  expect(carets("So:\n\n```py\ndef price(")).toEqual(["DIV"]);
});

it("what is half written is neither drawn nor acted on", () => {
  const { container } = render(<Unfinished text={'```mermaid\nflowchart LR\n a -->\n```\n\n<img src=x onerror="a()"> [go](javascript:a)【F:a/b.py†L3】'} />);
  expect(container.querySelectorAll("iframe, img, a, [onerror], button")).toHaveLength(0);
  expect(container.querySelector("pre")?.textContent).toContain("flowchart LR");
  expect(container.textContent).toContain("b.py:3");
});
