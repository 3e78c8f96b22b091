import { render, screen } from "@testing-library/react";
import { expect, it } from "vitest";

import type { PullRequestView } from "@/api/types";
import { setLanguage, startLanguages } from "@/i18n";

import { PullRequestBadge } from "./PullRequest";

const pull: PullRequestView = {
  forge: "github.com",
  kind: "github",
  repository: "ada/shop",
  number: 12,
  url: "https://github.com/ada/shop/pull/12",
  title: "Make the price right",
  branch: "journeyman/price",
  base: "main",
  state: "open",
  checks: "failed",
  at: 1000,
};

it("a badge says what it is of and how it stands, and leads there", async () => {
  await startLanguages();
  const { rerender } = render(<PullRequestBadge pull={pull} />);
  const link = screen.getByRole("link", { name: "#12 Open: pull request of ada/shop, checks fail. Opens in a new tab." });
  expect(link.getAttribute("href")).toBe(pull.url);
  expect(link.getAttribute("rel")).toBe("noopener noreferrer");
  expect(link.getAttribute("target")).toBe("_blank");
  expect(link.textContent).toBe("#12 Open");

  rerender(<PullRequestBadge pull={{ ...pull, kind: "gitlab", state: "merged", checks: "none" }} />);
  expect(screen.getByRole("link", { name: "!12 Merged: merge request of ada/shop, no checks. Opens in a new tab." })).toBeDefined();

  await setLanguage("zh", { keep: false });
  rerender(<PullRequestBadge pull={{ ...pull, state: "draft", checks: "running" }} />);
  expect(screen.getByRole("link", { name: "#12 草稿：ada/shop 的拉取请求，检查进行中。在新标签页中打开。" })).toBeDefined();
  await setLanguage("en", { keep: false });
});

it("an address that is no page's is not linked", () => {
  render(<PullRequestBadge pull={{ ...pull, url: "javascript:alert(1)" }} />);
  expect(screen.queryByRole("link")).toBeNull();
  expect(screen.getByRole("img", { name: "#12 Open: pull request of ada/shop, checks fail" }).textContent).toBe("#12 Open");
});
