import { expect, test } from "vitest";

import { ApiError } from "@/api/client";

import { faultOf } from "./faults";
import { tokenPage, usualApi } from "./hosts";

test("the usual address of an API is that of the host's software", () => {
  expect(usualApi("github", "https://github.com/")).toBe("https://api.github.com");
  expect(usualApi("github", "https://shop.ghe.com")).toBe("https://api.shop.ghe.com");
  expect(usualApi("github", "https://git.example.org")).toBe("https://git.example.org/api/v3");
  expect(usualApi("gitlab", "https://gitlab.com")).toBe("https://gitlab.com/api/v4");
  expect(usualApi("gitlab", " https://example.org:8443/gitlab/ ")).toBe("https://example.org:8443/gitlab/api/v4");
});

test("while the address is none, nothing is made of it", () => {
  for (const address of ["", "git.example.org", "javascript:alert(1)", "ftp://example.org"]) {
    expect(usualApi("gitlab", address), address).toBeNull();
    expect(tokenPage("github", address), address).toBeNull();
  }
});

test("a token is made where its host has the page for it", () => {
  expect(tokenPage("github", "https://github.com")).toBe("https://github.com/settings/personal-access-tokens/new");
  expect(tokenPage("github", "https://git.example.org")).toBe("https://git.example.org/settings/tokens");
  expect(tokenPage("gitlab", "https://gitlab.com")).toContain("https://gitlab.com/-/user_settings/personal_access_tokens?");
});

test("what is wrong is said at the field that it is about", () => {
  // The service names the token with every answer of a forge, also where that never saw it.
  const token = [{ field: "token" }];
  const refused = new ApiError(422, "invalid", "…", token, "forge.token");
  const away = new ApiError(422, "invalid", "…", token, "forge.unreachable");
  const elsewhere = new ApiError(422, "invalid", "…", token, "forge.redirects");
  const short = new ApiError(422, "invalid", "…", [{ in: "body", field: "token", message: "too short" }], "api.not_right");
  const api = new ApiError(422, "invalid", "…", [{ in: "body", field: "api", message: "no address" }], "api.not_right");
  expect([refused, away, elsewhere, short, api].map((error) => faultOf(error, true))).toEqual(["token", "address", "api", "token", "api"]);
  expect([refused, away].map((error) => faultOf(error, false))).toEqual(["token", "token"]);
  expect(faultOf(new Error("?"), true)).toBe("token");
});
