import { expect, test } from "vitest";
import { claimsFromChallenge } from "./claimsChallenge";

const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1?ä>"}}}';
const base64 = Buffer.from(claims).toString("base64");

test.each([
  ["padded", base64],
  ["without padding", base64.replace(/=+$/, "")],
  ["URL-safe", Buffer.from(claims).toString("base64url")],
])("decodes claims that are %s", (_, encoded) => {
  expect(claimsFromChallenge(encoded)).toBe(claims);
});

test.each([
  ["nothing", null],
  ["an empty text", ""],
  ["what is not base64", "{}"],
  ["what is not JSON", btoa("acrs=c1")],
  ["JSON that is no object", btoa("[1]")],
  ["bytes that are no text", btoa("\xff\xfe")],
])("gives none for %s", (_, encoded) => {
  expect(claimsFromChallenge(encoded)).toBeNull();
});
