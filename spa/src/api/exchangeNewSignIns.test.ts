import { expect, test, vi } from "vitest";
import { active, profile } from "../testing/server";
import type { ApiClient } from "./client";
import { exchangeNewSignIns } from "./exchangeNewSignIns";

function recording(readProfile = () => Promise.resolve(profile)) {
  const calls: string[] = [];
  const api: ApiClient = {
    profile: vi.fn(async () => {
      calls.push("profile");
      const value = await readProfile();
      calls.push("exchanged");
      return value;
    }),
    backgroundAccess: vi.fn(() => {
      calls.push("background");
      return Promise.resolve(active);
    }),
    endBackgroundAccess: vi.fn(),
  };
  return { api, calls };
}

test("a new sign-in is exchanged before the background access is read, once", async () => {
  const { api, calls } = recording();
  let isNew = true;
  const wrapped = exchangeNewSignIns(api, () => isNew && !(isNew = false));
  await Promise.all([wrapped.backgroundAccess(), wrapped.backgroundAccess()]);
  await wrapped.backgroundAccess();
  expect(calls).toEqual(["profile", "exchanged", "background", "background", "background"]);
});

test("looking at the background access does not read the profile, so it does not count as activity", async () => {
  const { api, calls } = recording();
  await exchangeNewSignIns(api, () => false).backgroundAccess();
  expect(calls).toEqual(["background"]);
});

test("an exchange that fails leaves it to the status to tell", async () => {
  const { api } = recording(() => Promise.reject(new Error("interaction required")));
  await expect(exchangeNewSignIns(api, () => true).backgroundAccess()).resolves.toEqual(active);
});
