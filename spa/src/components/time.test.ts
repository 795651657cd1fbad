import { expect, test } from "vitest";
import { relativeTime } from "./time";

const now = new Date("2026-11-22T10:00:00Z");
const at = (seconds: number) => new Date(now.getTime() + seconds * 1000);

test.each([
  [-3 * 86_400, "past", "3 days ago"],
  [-7_300, "past", "2 hours ago"],
  [-61, "past", "1 minute ago"],
  [-10, "past", "just now"],
  [30, "past", "just now"],
  [7_200, "past", null],
  [45, "coming", "in under a minute"],
  [3_700, "coming", "in 1 hour"],
  [-5, "coming", "due now"],
] as const)("%i seconds away, %s: %j", (seconds, kind, expected) => {
  expect(relativeTime(at(seconds), now, kind)).toBe(expected);
});
