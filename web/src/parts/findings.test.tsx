import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";

import "@/i18n";

import { Markdown } from "./Markdown";

afterEach(cleanup);

it("a finding has its priority, its title and the reason apart", () => {
  render(<Markdown text={"- [P1] Keep the later end【F:a.py†L3】\n  It loses opening time.\n\n- plain"} cite={() => <i>a.py:3</i>} />);
  const [finding, plain] = screen.getAllByRole("listitem");
  expect(finding?.dataset["finding"]).toBe("1");
  expect(finding?.querySelector("strong")?.textContent).toBe("P1Keep the later enda.py:3");
  expect(finding?.querySelector("p")?.textContent).toBe("It loses opening time.");
  expect(plain?.dataset["finding"]).toBeUndefined();
});

it("what a model wrote is neither HTML nor an address that acts", () => {
  const evil = '<img src=x onerror="a()"><script>a()</script>\n\n[go](javascript:a) ![p](https://else.example/p.png) [home](https://home.example)';
  const { container } = render(<Markdown text={evil} />);
  expect(container.querySelectorAll("img, script, iframe, [onerror]")).toHaveLength(0);
  expect([...container.querySelectorAll("a")].map((link) => link.getAttribute("href"))).toEqual(["https://home.example"]);
});
