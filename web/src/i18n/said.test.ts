import { beforeAll, expect, it } from "vitest";

import { ApiError } from "@/api/client";
import { explain } from "@/shell/errors";

import { setLanguage, startLanguages } from "./index";
import { sentence, spoken } from "./said";

beforeAll(async () => {
  await startLanguages();
  await setLanguage("zh", { keep: false });
});

it("says stored sentences in the language of the page, with those within them", () => {
  expect(spoken("You have used 5,000 of 6,000 tokens today. There are more at 2026-11-27 00:00 UTC, or ask an administrator for a larger quota.")).toBe(
    "您今天已使用 5,000 个词元，上限 6,000。2026-11-27 00:00 UTC 之后恢复，或请管理员提高配额。",
  );
  expect(spoken("Attempt 2 of 3: every check passes on its result, with 1 warning, the fewest.")).toBe("3 个尝试中的第 2 个：结果通过了所有检查，有 1 个警告，为最少。");
  expect(spoken("running python -m pytest -q")).toBe("正在运行 python -m pytest -q");
});

it("leaves what has no name as it is", () => {
  expect(spoken("The model's server says so.")).toBe("The model's server says so.");
  expect(spoken("")).toBe("");
});

it("says errors by their names, and by their words where it does not know the name", () => {
  const failed = (reason: string | null, values: Record<string, string>) => explain(new ApiError(404, "not_found", "In English.", null, reason, values)).detail;
  expect(failed("api.not_there", { what: "task", name: "'a'" })).toBe("没有任务 'a'，或者您无权查看。");
  expect(failed("of.tomorrow", {})).toBe("In English.");
  expect(failed(null, {})).toBe("In English.");
});

it("gives a sentence by its name alone where nothing has to be filled in", async () => {
  expect(sentence("openid.groups")).toBe("您不在可以使用此服务的任何组中。");
  expect(sentence("openid.refused")).toBe("");
  expect(sentence("constructor")).toBe("");
  await setLanguage("en", { keep: false });
  expect(sentence("openid.groups")).toBe("You are in none of the groups that may use this service.");
  expect(spoken("thinking")).toBe("thinking");
});
