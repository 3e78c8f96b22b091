import { cleanup, render } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";

import "@/i18n";

import { Markdown } from "./Markdown";

afterEach(cleanup);

const html = (text: string): string => {
  const { container } = render(<Markdown text={text} />);
  for (const each of container.querySelectorAll("*")) for (const name of ["class", "tabindex"]) each.removeAttribute(name);
  return container.querySelector("div")?.innerHTML ?? "";
};

it("headings, emphasis, quotes and breaks are what they are", () => {
  expect(html("## Two\n\nIs *em*, **bo**, ~~no~~ and `code`\\\nnext\n\n> said\n\n---")).toBe(
    "<h2>Two</h2><p>Is <em>em</em>, <strong>bo</strong>, <del>no</del> and <code>code</code><br>next</p><blockquote><p>said</p></blockquote><hr>",
  );
});

it("items that stand close have no paragraphs, those apart have", () => {
  expect(html("3. a\n4. b\n   - c")).toBe('<ol start="3"><li>a</li><li>b<ul><li>c</li></ul></li></ol>');
  expect(html("- a\n\n- b")).toBe("<ul><li><p>a</p></li><li><p>b</p></li></ul>");
  expect(html("- [x] a\n- [ ] b")).toBe('<ul><li><input disabled="" type="checkbox" checked="">a</li><li><input disabled="" type="checkbox">b</li></ul>');
});

it("a table has its head and its rows", () => {
  expect(html("| a | b |\n|---|--:|\n| 1 | `2` |")).toBe(
    "<div><table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td><code>2</code></td></tr></tbody></table></div>",
  );
});

it("addresses are linked where they stand bare or are named apart, and lead nowhere else", () => {
  const { container } = render(<Markdown text={"https://a.example/x and [b][one] and [c][two]\n\n[one]: https://b.example\n[two]: data:text/html,x"} />);
  expect([...container.querySelectorAll("a")].map((link) => [link.textContent, link.href, link.rel])).toEqual([
    ["https://a.example/x", "https://a.example/x", "noopener noreferrer nofollow"],
    ["b", "https://b.example/", "noopener noreferrer nofollow"],
  ]);
  expect(container.textContent).toContain("c");
});
