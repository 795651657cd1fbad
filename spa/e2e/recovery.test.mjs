// @ts-check
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import {
  agree,
  approve,
  chooseUser,
  lastActed,
  launch,
  navigate,
  notice,
  picture,
  refreshStatus,
  seesProfile,
  seesStatus,
  signInByPopup,
  signInByRedirect,
  visit,
} from "./support/browser.mjs";
import {
  act,
  advanceClock,
  chidi,
  dana,
  elin,
  emulatorLog,
  endFaults,
  requireSecondFactor,
  revoke,
  stack,
  sweep,
  withFaults,
} from "./support/stack.mjs";
import { assertRests, watchTraffic } from "./support/traffic.mjs";

// What goes wrong between the page, the API, Entra ID and Graph: each test sees what the user is told and what they do about
// it, and bounds what the page did, so that none of it can go round in circles.

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

afterEach(async () => {
  await endFaults();
  for (const user of [chidi, dana, elin]) {
    await act(user, "clear-mfa");
    await act(user, "grant-consent");
  }
});

/**
 * A user on the page of the ID token, which calls no API: their token lies there unused while the world changes.
 *
 * @param {{ upn: string }} user
 */
async function signedInWithUnusedToken(user) {
  const visitor = await visit(browser, { path: "/claims", timers: true });
  await signInByRedirect(visitor.page, user);
  await visitor.page.getByRole("table", { name: "Who you are" }).waitFor();
  return { ...visitor, traffic: await watchTraffic(visitor.page, user) };
}

/**
 * A user who sees their profile, so that the API has a Graph token of theirs.
 *
 * @param {{ name: string, jobTitle: string, upn: string }} user
 */
async function onProfile(user) {
  const visitor = await visit(browser, { timers: true });
  await signInByRedirect(visitor.page, user);
  await seesProfile(visitor.page, user);
  return { ...visitor, traffic: await watchTraffic(visitor.page, user) };
}

test("a claims challenge is answered with a second factor once the user says so, and the call is made again", async () => {
  const { page, traffic, assertClean, close } = await signedInWithUnusedToken(chidi);
  await requireSecondFactor(chidi, true);
  await navigate(page, "Profile");
  const told = await notice(page, "One more step is needed");
  await told.getByText(/more proof that it is you, such as a second factor/).waitFor();
  await assertRests(page, traffic);
  await traffic.assertAtMost({ profile: 1, "on-behalf-of": 1 });

  await signInByPopup(page, chidi, () => told.getByRole("button", { name: "Continue" }).click(), approve);
  await seesProfile(page, chidi);
  await assertRests(page, traffic);
  await traffic.assertAtMost({ popups: 1, profile: 2, authorize: 3, code: 1, "on-behalf-of": 2 });
  assertClean();
  await close();
});

test("a second factor that the user declines leaves them where they were, with the way on still open", async () => {
  const { page, traffic, assertClean, close } = await signedInWithUnusedToken(chidi);
  await requireSecondFactor(chidi, true);
  await navigate(page, "Profile");
  const told = await notice(page, "One more step is needed");
  const open = () => told.getByRole("button", { name: "Continue" }).click();
  await signInByPopup(page, chidi, open, (popup) => popup.getByRole("button", { name: "Cancel" }).click());
  await told.getByText("Sign-in was cancelled. Nothing has changed. Sign in when you are ready.").waitFor();
  await assertRests(page, traffic);
  await traffic.assertAtMost({ popups: 1, profile: 1, authorize: 2, "on-behalf-of": 1 });
  await signInByPopup(page, chidi, open, approve);
  await seesProfile(page, chidi);
  assertClean();
  await close();
});

test("where the browser blocks pop-ups, the challenge is answered on this page, by one redirect", async () => {
  const { page, traffic, assertClean, close } = await signedInWithUnusedToken(chidi);
  await requireSecondFactor(chidi, true);
  await navigate(page, "Profile");
  const told = await notice(page, "One more step is needed");
  await page.evaluate(() => {
    window.open = () => null;
  });
  await told.getByRole("button", { name: "Continue" }).click();
  await approve(page, chidi);
  await seesProfile(page, chidi);
  await assertRests(page, traffic);
  // To Entra ID, its page sent, to redirect.html, and back to where the user was.
  await traffic.assertAtMost({ navigations: 5, profile: 2, authorize: 3, code: 1, "on-behalf-of": 2 });
  assertClean();
  await close();
});

test("sessions revoked while the API holds a Graph token: Graph's challenge leads to one sign-in", async () => {
  const { page, traffic, assertClean, close } = await onProfile(dana);
  await revoke(dana);
  await page.getByRole("button", { name: "Refresh" }).click();
  const told = await notice(page, "Sign in again");
  await told
    .getByText(/^Your sign-in was ended, by you or your administrator, or because your password changed/)
    .waitFor();
  await page.getByRole("region", { name: dana.name }).waitFor();
  await assertRests(page, traffic);
  // Graph may refuse one token where Entra ID gives another, so that the API has tried that once.
  await traffic.assertAtMost({ profile: 1, "on-behalf-of": 1 });

  await signInByPopup(page, dana, () => told.getByRole("button", { name: "Sign in again" }).click());
  await told.waitFor({ state: "detached" });
  await seesProfile(page, dana);
  await assertRests(page, traffic);
  await traffic.assertAtMost({ popups: 1, profile: 2, authorize: 2, code: 1, "on-behalf-of": 2 });
  assertClean();
  await close();
});

test("sessions revoked before the API was called: one silent try, then the user is asked", async () => {
  const { page, traffic, assertClean, close } = await signedInWithUnusedToken(dana);
  // Revocation counts by the second: what was issued within it is not told apart.
  await advanceClock(1);
  await revoke(dana);
  await navigate(page, "Profile");
  const told = await notice(page, "Sign in again");
  await told.getByText(/Nothing is lost\.$/).waitFor();
  await assertRests(page, traffic);
  await traffic.assertAtMost({ profile: 1, refresh: 1, authorize: 1, "on-behalf-of": 1 });

  await signInByPopup(page, dana, () => told.getByRole("button", { name: "Sign in again" }).click());
  await seesProfile(page, dana);
  await assertRests(page, traffic);
  await traffic.assertAtMost({ popups: 1, profile: 2, refresh: 1, authorize: 3, code: 1, "on-behalf-of": 2 });
  assertClean();
  await close();
});

test("a missing consent is asked for, in words that say so", async () => {
  const { page, traffic, assertClean, close } = await signedInWithUnusedToken(dana);
  await act(dana, "withdraw-consent");
  await navigate(page, "Profile");
  const told = await notice(page, "Your agreement is needed");
  await told.getByText(/You have not agreed, or no longer agree, to what this app may do for you/).waitFor();
  await assertRests(page, traffic);
  await traffic.assertAtMost({ profile: 1, refresh: 1, authorize: 1, "on-behalf-of": 1 });

  await signInByPopup(page, dana, () => told.getByRole("button", { name: "Continue" }).click(), agree);
  await seesProfile(page, dana);
  await assertRests(page, traffic);
  await traffic.assertAtMost({ popups: 1, profile: 2, refresh: 1, authorize: 4, code: 1, "on-behalf-of": 2 });
  assertClean();
  await close();
});

test("an API that is down is called once for each click, and the profile comes when it is back", async () => {
  const { page, traffic, close } = await signedInWithUnusedToken(dana);
  await page.route(`${stack.api}/**`, (route) => route.abort("connectionrefused"));
  await navigate(page, "Profile");
  const told = await notice(page, "The API cannot be reached");
  await told.getByText(/It may be down or starting, or your connection may be\. Try again in a moment\.$/).waitFor();
  await assertRests(page, traffic);
  await traffic.assertAtMost({ profile: 1 });
  const failed = page.waitForEvent("requestfailed");
  await told.getByRole("button", { name: "Try again" }).click();
  await failed;
  await notice(page, "The API cannot be reached");
  await traffic.assertAtMost({ profile: 2 });

  await page.unroute(`${stack.api}/**`);
  await told.getByRole("button", { name: "Try again" }).click();
  await seesProfile(page, dana);
  assert.equal(
    await page.evaluate(() => document.activeElement?.tagName),
    "H1",
    "the button is gone, the focus is not",
  );
  await traffic.assertAtMost({ profile: 3, "on-behalf-of": 1 });
  await close();
});

test("while the API is down, what was known stays in view and it is looked for four times a minute", async () => {
  const { page, traffic, close } = await onProfile(dana);
  await navigate(page, "Background access");
  await seesStatus(page, "active");
  await page.route(`${stack.api}/**`, (route) => route.abort("connectionrefused"));
  const told = page.getByRole("alert", { name: "The API cannot be reached" });
  await page.clock.runFor(15_000);
  await told.waitFor();
  await seesStatus(page, "active");
  assert.ok(
    await told.evaluate((element) => !element.contains(document.activeElement)),
    "a failure that nobody waited for takes no focus",
  );
  const { background: before = 0 } = await traffic.counts();
  for (let quarter = 0; quarter < 8; quarter++) {
    const failed = page.waitForEvent("requestfailed");
    await page.clock.runFor(15_000);
    await failed;
  }
  const { background: later = 0 } = await traffic.counts();
  assert.ok(later - before <= 8, `${later - before} calls in two minutes`);

  await page.unroute(`${stack.api}/**`);
  await page.clock.runFor(15_000);
  await told.waitFor({ state: "detached" });
  await seesStatus(page, "active");
  await close();
});

test("Graph down: the wait it asks for is counted down, then the user may try again", async () => {
  const { page, traffic, assertClean, close } = await signedInWithUnusedToken(dana);
  await withFaults({ graph: { fail: { status: 503, retryAfterSeconds: 40 } } }, async () => {
    await navigate(page, "Profile");
    const told = await notice(page, "Microsoft Graph does not answer");
    await told.getByText(/Your sign-in is fine and nothing is lost/).waitFor();
    const button = told.getByRole("button", { name: "Try again" });
    assert.equal(await button.getAttribute("aria-disabled"), "true");
    await button.press("Enter");
    await page.clock.runFor(41_000);
    await told.getByText("You can try again now.").waitFor();
    await assertRests(page, traffic);
    await traffic.assertAtMost({ profile: 1, "on-behalf-of": 1 });

    await button.click();
    await told.getByText(/^in \d+ seconds$/).waitFor();
    assert.equal(await button.getAttribute("aria-disabled"), "true", "the second wait counts like the first");
    await page.clock.runFor(41_000);
    await traffic.assertAtMost({ profile: 2, "on-behalf-of": 1 });
  });
  await page.getByRole("button", { name: "Try again" }).click();
  await seesProfile(page, dana);
  await traffic.assertAtMost({ profile: 3, "on-behalf-of": 1 });
  assertClean();
  await close();
});

test("Entra ID down for the API: the user learns that nothing is wrong with them", async () => {
  const { page, traffic, assertClean, close } = await signedInWithUnusedToken(dana);
  await withFaults({ entra: { fail: { status: 500 }, only: ["token.on_behalf_of"] } }, async () => {
    await navigate(page, "Profile");
    await notice(page, "Microsoft Entra ID does not answer");
    await assertRests(page, traffic);
    await traffic.assertAtMost({ profile: 1, "on-behalf-of": 2 });
  });
  await page.getByRole("button", { name: "Try again" }).click();
  await seesProfile(page, dana);
  assertClean();
  await close();
});

test("a token that has expired at the API is replaced behind the scenes, once", async () => {
  const { page, traffic, assertClean, close } = await onProfile(dana);
  await advanceClock(3_700);
  await page.getByRole("button", { name: "Refresh" }).click();
  await page.getByText("Your profile is up to date.").waitFor();
  await seesProfile(page, dana);
  await traffic.assertAtMost({ profile: 2, refresh: 1, "on-behalf-of": 1 });
  assertClean();
  await close();
});

test("a token that Entra ID calls stale, though the API took it, is replaced behind the scenes, once", async () => {
  await withFaults({ accessTokenLifetimeSeconds: 900 }, async () => {
    const { page, traffic, assertClean, close } = await signedInWithUnusedToken(dana);
    // Over, but within the minute that the API allows for clocks that differ.
    await advanceClock(930);
    await navigate(page, "Profile");
    await seesProfile(page, dana);
    const refusals = (await emulatorLog()).filter(({ kind, error }) => kind === "token.on_behalf_of" && error !== null);
    assert.equal(refusals.at(-1)?.error, "AADSTS500133");
    await traffic.assertAtMost({ profile: 2, refresh: 1, "on-behalf-of": 2 });
    assertClean();
    await close();
  });
});

test("after days away, with every token and the session ended, the user signs in once", async () => {
  const { page, traffic, assertClean, close } = await onProfile(dana);
  await advanceClock(2 * 86_400);
  await page.context().clearCookies({ name: "ESTSAUTH" });
  await page.getByRole("button", { name: "Refresh" }).click();
  const told = await notice(page, "Sign in again");
  await assertRests(page, traffic);
  await traffic.assertAtMost({ profile: 1, refresh: 1, authorize: 1 });
  await signInByPopup(page, dana, () => told.getByRole("button", { name: "Sign in again" }).click());
  await told.waitFor({ state: "detached" });
  await seesProfile(page, dana);
  await assertRests(page, traffic);
  await traffic.assertAtMost({ popups: 1, profile: 2, refresh: 1, authorize: 3, code: 1, "on-behalf-of": 1 });
  assertClean();
  await close();
});

test("a parked user who gives the second factor is back: the next tick acts for them, and the page shows it", async () => {
  const { page, traffic, assertClean, close } = await signedInWithUnusedToken(elin);
  // The API's Graph token does not outlive the absence, the user's own token does. No other test signs this user in before,
  // whose Graph token would do as well.
  await withFaults({ accessTokenLifetimeSeconds: 60 }, async () => {
    await navigate(page, "Profile");
    await seesProfile(page, elin);
  });
  await requireSecondFactor(elin, true);
  await advanceClock(90);
  await sweep();
  await navigate(page, "Background access");
  await seesStatus(page, "needs_user");
  await page.getByText("Your organisation now asks for a second factor.").waitFor();
  await page.getByText("Stopped: you are needed").waitFor();
  await picture(page, "background-needs-second-factor");
  const parkedAt = await lastActed(page);
  assert.ok((await traffic.counts()).popups === undefined, "nothing opens by itself");

  await signInByPopup(page, elin, () => page.getByRole("button", { name: "Sign in again" }).click(), approve);
  await seesStatus(page, "active");
  await page.getByText("Status is now Active. The service can act for you.").waitFor({ state: "attached" });
  assert.equal(await lastActed(page), parkedAt, "no turn since");

  await advanceClock(90);
  await sweep();
  await refreshStatus(page);
  await page.getByText(/^Profile refreshed/).waitFor();
  await seesStatus(page, "active");
  assert.notEqual(await lastActed(page), parkedAt, "the sweep acts for them again");
  const { popups, navigations } = await traffic.counts();
  assert.deepEqual({ popups, navigations }, { popups: 1, navigations: undefined });
  assertClean();
  await close();
});

test("a sign-in that Entra ID cannot finish leads back to the page, which says so and does not try again", async () => {
  const { page, close } = await visit(browser, { timers: true });
  const traffic = await watchTraffic(page, dana);
  await withFaults({ entra: { fail: { status: 500 }, only: ["token.authorization_code"] } }, async () => {
    await signInByRedirect(page, dana);
    await notice(page, "Sign-in did not work");
    await assertRests(page, traffic);
    await traffic.assertAtMost({ navigations: 5, authorize: 2, code: 2 });
  });
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page
    .getByRole("button", { name: dana.upn })
    .or(page.getByRole("region", { name: dana.name }))
    .first()
    .waitFor();
  if (await page.getByRole("button", { name: dana.upn }).isVisible()) {
    await chooseUser(page, dana);
  }
  await seesProfile(page, dana);
  await close();
});
