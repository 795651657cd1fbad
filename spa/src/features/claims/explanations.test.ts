import { expect, test } from "vitest";
import { explainClaims } from "./explanations";

const showTime = (at: Date) => at.toISOString();

test("explains what it knows by group, reads times, and leaves nothing out", () => {
  const groups = explainClaims(
    { name: "Adele", exp: 1_795_000_000, roles: ["Reader"], extension_costCenter: 42, gone: undefined },
    showTime,
  );
  expect(
    groups.map(({ title, claims }) => [title, claims.map(({ name, value, reading }) => [name, value, reading])]),
  ).toEqual([
    [
      "Who you are",
      [
        ["name", "Adele", null],
        ["roles", '["Reader"]', null],
      ],
    ],
    ["When", [["exp", "1795000000", "2026-11-18T11:06:40.000Z"]]],
    ["Others", [["extension_costCenter", "42", null]]],
  ]);
});

test("has nothing to show for a sign-in without claims", () => {
  expect(explainClaims({}, showTime)).toEqual([]);
});
