import { expect, test } from "vitest";
import type { SweepFailure } from "../../api/types";
import { active } from "../../testing/server";
import { describeChange, describeNeed, describeOutcome } from "./describe";

const failure: SweepFailure = {
  class: "user_needed",
  code: null,
  suberror: null,
  message: "",
  claims: null,
  at: "2026-11-22T10:00:00Z",
  attempts: 1,
};

test("tells why the user is needed by error number first, then by suberror", () => {
  expect(describeNeed({ ...failure, code: "AADSTS50173", suberror: "bad_token" }).reason).toContain("revoked");
  expect(describeNeed({ ...failure, code: "AADSTS99999", suberror: "user_password_expired" }).reason).toContain(
    "password",
  );
  expect(describeNeed({ ...failure, message: "There is no longer a permission." }).reason).toContain("permission");
  expect(describeNeed(null).reason).toContain("sign in again");
});

test("offers no sign-in where none can help", () => {
  expect(describeNeed({ ...failure, suberror: "message_only" }).solvedBySigningIn).toBe(false);
  expect(describeNeed({ ...failure, code: "AADSTS50057" }).solvedBySigningIn).toBe(false);
  expect(describeNeed({ ...failure, code: "AADSTS50076" }).solvedBySigningIn).toBe(true);
});

test("shows an outcome it does not know in readable words", () => {
  expect(describeOutcome("unchanged")).toContain("nothing had changed");
  expect(describeOutcome("sent_home")).toBe("sent home");
});

test("speaks up only when a refresh brings news", () => {
  expect(describeChange(undefined, active)).toBeNull();
  expect(describeChange(active, { ...active, lastActivity: "2026-11-22T12:00:00Z" })).toBeNull();
  expect(describeChange(active, { ...active, status: "needs_user" })).toContain("Needs you");
  expect(
    describeChange(active, { ...active, lastSweep: { at: "2026-11-22T12:00:00Z", outcome: "unchanged" } }),
  ).toContain("nothing had changed");
});
