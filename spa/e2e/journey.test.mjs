// @ts-check
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  approve,
  assertAccessible,
  heading,
  launch,
  navigate,
  picture,
  signInByPopup,
  signInByRedirect,
  visit,
} from "./support/browser.mjs";
import { adele, advanceClock, bruno, chidi, requireSecondFactor, revoke, sweep } from "./support/stack.mjs";

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
    await status(visitor.page, "active");
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
    await status(visitor.page, "active");
  }
  await revoke(adele);
  await advanceClock(AWAY_SECONDS);
  await sweep();
  await refresh(first.page);
  await status(first.page, "needs_user");
  await assertAccessible(first.page);
  await picture(first.page, "background-needs-user");
  await refresh(second.page);
  await status(second.page, "active");

  await signInByPopup(first.page, adele, () =>
    first.page.getByRole("button", { name: "Sign in again" }).first().click(),
  );
  await status(first.page, "active");
  const beforeSweep = await lastActed(first.page);

  await advanceClock(AWAY_SECONDS);
  await sweep();
  await refresh(first.page);
  await status(first.page, "active");
  assert.notEqual(await lastActed(first.page), beforeSweep, "the sweep has acted for her again");
  await picture(first.page, "background-active-again");

  first.assertClean();
  second.assertClean();
  await first.close();
  await second.close();
});

test("a claims challenge of the API is answered with a second factor, once the user says so", async () => {
  // The ID token page makes no call to the API, so the token waits there unused while the rules change.
  const { page, assertClean, close } = await visit(browser, { path: "/claims" });
  await signInByRedirect(page, chidi);
  await page.getByRole("table", { name: "Who you are" }).waitFor();
  await requireSecondFactor(chidi, true);
  try {
    await navigate(page, "Profile");
    await page.getByText("One more step is needed").waitFor();
    await assertAccessible(page);
    await picture(page, "claims-challenge");
    await signInByPopup(page, chidi, () => page.getByRole("button", { name: "Continue" }).click(), approve);
    await seesProfile(page, chidi);
  } finally {
    await requireSecondFactor(chidi, false);
  }
  assertClean();
  await close();
});

test("a user ends background access, and the sweep leaves them alone", async () => {
  const visitor = await visit(browser);
  await signInByRedirect(visitor.page, bruno);
  await seesProfile(visitor.page, bruno);
  await navigate(visitor.page, "Background access");
  await status(visitor.page, "active");

  await visitor.page.getByRole("button", { name: "Stop acting for me" }).click();
  const dialog = visitor.page.getByRole("dialog", { name: "Stop acting for me?" });
  await dialog.waitFor();
  await picture(visitor.page, "background-stop");
  await dialog.getByRole("button", { name: "Stop", exact: true }).click();
  await dialog.waitFor({ state: "hidden" });
  await status(visitor.page, "none");

  await advanceClock(AWAY_SECONDS);
  await sweep();
  await refresh(visitor.page);
  await status(visitor.page, "none");
  await picture(visitor.page, "background-none");
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

/**
 * @param {import("playwright-core").Page} page
 * @param {{ name: string, jobTitle: string, upn: string }} user
 */
async function seesProfile(page, user) {
  await heading(page, "Your profile");
  const card = page.getByRole("region", { name: user.name });
  await card.waitFor();
  await card.getByText(user.jobTitle).first().waitFor();
  await card.getByText(user.upn).waitFor();
}

/**
 * @param {import("playwright-core").Page} page
 * @param {"active" | "needs_user" | "none"} expected
 */
async function status(page, expected) {
  await page.locator(`[data-status="${expected}"]`).waitFor();
}

/**
 * Asks for the newest state and waits for the answer.
 *
 * @param {import("playwright-core").Page} page
 */
async function refresh(page) {
  const answered = page.waitForResponse(
    (response) => response.url().endsWith("/api/background-access") && response.request().method() === "GET",
  );
  await page.getByRole("button", { name: "Refresh" }).click();
  await answered;
}

/** @param {import("playwright-core").Page} page */
async function lastActed(page) {
  return page
    .locator("div", { has: page.locator("dt", { hasText: "The service's last turn" }) })
    .last()
    .locator("time")
    .getAttribute("datetime");
}
