import { describe, expect, it } from "vitest";

import type { PublishedBranch, PullRequestView } from "@/api/types";

import { heldBy, newest, nextAct, numberOf, pageAddress } from "./pulls";

const pull = (own: Partial<PullRequestView> = {}): PullRequestView => ({
  forge: "github.com",
  kind: "github",
  repository: "ada/shop",
  number: 12,
  url: "https://github.com/ada/shop/pull/12",
  title: "Make the price right",
  branch: "journeyman/price",
  base: "main",
  state: "open",
  checks: "none",
  at: 1000,
  ...own,
});

const pushed = (attempt: string, branch = "journeyman/price"): PublishedBranch => ({ attempt, branch, remote: "https://github.com/ada/shop.git", commit: "c0ffee", at: 900 });

describe("the address of a pull request", () => {
  it("is gone to where it is a page, and nowhere else", () => {
    expect(pageAddress("https://github.com/ada/shop/pull/12")).toBe("https://github.com/ada/shop/pull/12");
    expect(pageAddress("http://127.0.0.1:8000/ada/shop/pull/1")).toBe("http://127.0.0.1:8000/ada/shop/pull/1");
    for (const url of ["javascript:alert(1)", "JavaScript:alert(1)", " javascript:alert(1)", "data:text/html,x", "//else.example/1", "ssh://git@github.com/a", ""]) {
      expect(pageAddress(url), url).toBeNull();
    }
  });

  it("has its number as the forge writes it", () => {
    expect(numberOf(pull())).toBe("#12");
    expect(numberOf(pull({ kind: "gitlab" }))).toBe("!12");
  });
});

describe("what is next to do with a result", () => {
  it("is to open a pull request, where there is none", () => {
    expect(nextAct(null, [], { name: "1.1" })).toBe("open");
  });

  it("is nothing while the one that there is has it", () => {
    for (const state of ["open", "draft", "merged", "closed"] as const) expect(nextAct(pull({ state }), [pushed("1.1")], { name: "1.1" })).toBeNull();
  });

  it("is to bring the open one up to date, after a follow-up or from another attempt", () => {
    for (const state of ["open", "draft"] as const) expect(nextAct(pull({ state }), [pushed("1.1")], { name: "2.1" })).toBe("update");
    expect(nextAct(pull(), [pushed("1.1"), pushed("2.1")], { name: "2.1" })).toBeNull();
    expect(nextAct(pull(), [pushed("1.1"), pushed("2.1")], { name: "1.1" })).toBe("update");
  });

  it("is to open a new one, where the last is merged or closed", () => {
    for (const state of ["merged", "closed"] as const) expect(nextAct(pull({ state }), [pushed("1.1")], { name: "2.1" })).toBe("open");
  });

  it("takes no notice of what was pushed to other branches", () => {
    expect(heldBy(pull(), [pushed("1.1"), pushed("2.1", "elsewhere")])).toBe("1.1");
    expect(heldBy(pull(), [pushed("2.1", "elsewhere")])).toBeNull();
    expect(nextAct(pull(), [pushed("1.1", "elsewhere")], { name: "1.1" })).toBe("update");
  });
});

it("of two answers the one that was told last is believed", () => {
  const [old, fresh] = [pull({ number: 9, state: "merged" }), pull({ at: 1001 })];
  expect(newest(old, fresh)).toBe(fresh);
  expect(newest(fresh, old)).toBe(fresh);
  expect(newest(undefined, old)).toBe(old);
  expect(newest(null, null)).toBeNull();
});
