// @ts-check
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  assertAccessible,
  lastActed,
  launch,
  navigate,
  picture,
  refreshStatus,
  seesProfile,
  seesStatus,
  signInByPopup,
  signInByRedirect,
  visit,
} from "./support/browser.mjs";
import { adele, advanceClock, bruno, revoke, sweep } from "./support/stack.mjs";

/** Longer than the idle threshold (30 s), and so short that no token ends during a journey. */
const AWAY_SECONDS = 90;

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("the sweep acts for two users who are away, parks the one who was revoked, and takes her back", async () => {
  const first = await visit(browser);
  await signInByRedirect(first.page, adele);
  await seesProfile(first.page, adele);
  await picture(first.page, "profile");

  const second = await visit(browser);
  await signInByPopup(second.page, bruno);
  await seesProfile(second.page, bruno);

  await advanceClock(AWAY_SECONDS);
  await sweep();
  const both = /** @type {const} */ ([
    [first, adele],
    [second, bruno],
  ]);
  for (const [visitor, user] of both) {
    await navigate(visitor.page, "Background access");
    await seesStatus(visitor.page, "active");
    await visitor.page.getByText(/^Profile refreshed/).waitFor();
    await visitor.page
      .getByRole("region", { name: /as the service last saw it/ })
      .getByText(user.name)
      .waitFor();
  }
  await picture(first.page, "background-active");

  // Being here again makes both due as soon as they have gone, however long the time between two turns is.
  for (const [visitor, user] of both) {
    await navigate(visitor.page, "Profile");
    await seesProfile(visitor.page, user);
    await navigate(visitor.page, "Background access");
    await seesStatus(visitor.page, "active");
  }
  await revoke(adele);
  await advanceClock(AWAY_SECONDS);
  await sweep();
  await refreshStatus(first.page);
  await seesStatus(first.page, "needs_user");
  await assertAccessible(first.page);
  await picture(first.page, "background-needs-user");
  await refreshStatus(second.page);
  await seesStatus(second.page, "active");

  await signInByPopup(first.page, adele, () =>
    first.page.getByRole("button", { name: "Sign in again" }).first().click(),
  );
  await seesStatus(first.page, "active");
  const beforeSweep = await lastActed(first.page);

  await advanceClock(AWAY_SECONDS);
  await sweep();
  await refreshStatus(first.page);
  await seesStatus(first.page, "active");
  assert.notEqual(await lastActed(first.page), beforeSweep, "the sweep has acted for her again");
  await picture(first.page, "background-active-again");

  first.assertClean();
  second.assertClean();
  await first.close();
  await second.close();
});

test("a user ends background access, and the sweep leaves them alone", async () => {
  const visitor = await visit(browser);
  await signInByRedirect(visitor.page, bruno);
  await seesProfile(visitor.page, bruno);
  await navigate(visitor.page, "Background access");
  await seesStatus(visitor.page, "active");

  await visitor.page.getByRole("button", { name: "Stop acting for me" }).click();
  const dialog = visitor.page.getByRole("dialog", { name: "Stop acting for me?" });
  await dialog.waitFor();
  await picture(visitor.page, "background-stop");
  await dialog.getByRole("button", { name: "Stop", exact: true }).click();
  await dialog.waitFor({ state: "hidden" });
  await seesStatus(visitor.page, "none");

  await advanceClock(AWAY_SECONDS);
  await sweep();
  await refreshStatus(visitor.page);
  await seesStatus(visitor.page, "none");
  await picture(visitor.page, "background-none");

  // With the token from before nothing is kept; the service acts again once the user asks for it.
  await navigate(visitor.page, "Profile");
  await seesProfile(visitor.page, bruno);
  await navigate(visitor.page, "Background access");
  await seesStatus(visitor.page, "none");
  const ask = () => visitor.page.getByRole("button", { name: "Sign in and let it act for me" }).click();
  await signInByPopup(visitor.page, bruno, ask, () => Promise.resolve());
  await seesStatus(visitor.page, "active");
  visitor.assertClean();
  await visitor.close();
});

test("two accounts share the page, and signing one out leaves the other", async () => {
  const { page, assertClean, close } = await visit(browser);
  await signInByRedirect(page, adele);
  await seesProfile(page, adele);

  await page.getByRole("button", { name: `Account: ${adele.name}` }).click();
  await signInByPopup(page, bruno, () => page.getByRole("menuitem", { name: "Add another account" }).click());
  await seesProfile(page, bruno);

  await page.getByRole("button", { name: `Account: ${bruno.name}` }).click();
  await page.getByRole("menuitemradio", { name: adele.upn }).click();
  await seesProfile(page, adele);

  await page.reload();
  await seesProfile(page, adele);

  await page.getByRole("button", { name: `Account: ${adele.name}` }).click();
  await page.getByRole("menuitem", { name: /^Sign out/ }).click();
  await seesProfile(page, bruno);
  assertClean();
  await close();
});
