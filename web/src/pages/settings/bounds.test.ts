import { expect, test } from "vitest";

import { boundsOf } from "./bounds";

test("a quota's bounds are read, each with what it is for", () => {
  expect(boundsOf('{"day":{"cost":5},"month":{"tokens":1000},"running":2}')).toEqual([
    { of: "day", unit: "cost", value: 5 },
    { of: "month", unit: "tokens", value: 1000 },
    { of: "running", unit: "count", value: 2 },
  ]);
  expect(boundsOf('{"cost":2.5}')).toEqual([{ of: "", unit: "cost", value: 2.5 }]);
});

test("what is not bounds stays as it is", () => {
  for (const words of ["from member to admin", "{not json", '{"day":"long"}', "[1]"]) expect(boundsOf(words)).toBeNull();
});
