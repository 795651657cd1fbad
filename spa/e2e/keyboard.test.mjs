// @ts-check
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  assertAccessible,
  heading,
  launch,
  navigate,
  notice,
  seesProfile,
  seesStatus,
  signInByRedirect,
  visit,
} from "./support/browser.mjs";
import { adele, chidi, requireSecondFactor, stack, withFaults } from "./support/stack.mjs";

// Every flow with the keyboard alone: what is needed can be reached with Tab, is worked with Enter, and shows that it has the
// focus.

const WELCOME = "It works for you while you are away";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("the keyboard alone signs in, moves between pages and changes the theme", async () => {
  const { page, assertClean, close } = await visit(browser);
  await heading(page, WELCOME);
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Skip to content");
  await page.keyboard.press("Enter");
  await tabTo(page, "Sign in");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: adele.upn }).focus();
  await page.keyboard.press("Enter");
  await heading(page, "Your profile");

  await tabTo(page, "Background access");
  await page.keyboard.press("Enter");
  await heading(page, "Background access");
  assert.equal(await focused(page), "Background access");
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), "H1");
  assert.match(await page.title(), /^Background access/);

  await tabTo(page, "Stop acting for me");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Stop acting for me?" });
  await dialog.waitFor();
  await assertAccessible(page);
  assert.ok(await dialog.evaluate((element) => element.contains(document.activeElement)), "the focus is in the dialog");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  assert.equal(await focused(page), "Stop acting for me");

  await tabTo(page, "Theme", "Shift+Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("menuitemradio", { name: "Dark" }).waitFor();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.documentElement.style.colorScheme === "dark");
  assertClean();
  await close();
});

test("a claims challenge: from the message to the window and back, and out of a second factor that is declined", async () => {
  const { page, assertClean, close } = await visit(browser, { path: "/claims" });
  await signInByRedirect(page, chidi);
  await page.getByRole("table", { name: "Who you are" }).waitFor();
  await requireSecondFactor(chidi, true);
  try {
    await navigate(page, "Profile");
    await notice(page, "One more step is needed");
    const declined = await openWithKeyboard(page, "Continue");
    await tabTo(declined, "Cancel");
    await declined.keyboard.press("Enter");
    await page
      .getByRole("alert")
      .getByText(/^Sign-in was cancelled/)
      .waitFor();

    await page.getByRole("button", { name: "Continue" }).focus();
    const [popup] = await Promise.all([page.waitForEvent("popup"), page.keyboard.press("Enter")]);
    await heading(popup, "Approve sign-in");
    assert.equal(await focused(popup), "Approve", "what is to be done has the focus at once");
    await popup.keyboard.press("Enter");
    await seesProfile(page, chidi);
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), "H1");
  } finally {
    await requireSecondFactor(chidi, false);
  }
  assertClean();
  await close();
});

test("a failure and its retry, ending background access and starting it again, and signing out", async () => {
  const { page, assertClean, close } = await visit(browser);
  await signInByRedirect(page, chidi);
  await seesProfile(page, chidi);
  await withFaults({ graph: { fail: { status: 503 } } }, async () => {
    await tabTo(page, "Refresh");
    await page.keyboard.press("Enter");
    await notice(page, "Microsoft Graph does not answer");
  });
  await tabTo(page, "Try again");
  await page.keyboard.press("Enter");
  await page.locator("[data-notice]").waitFor({ state: "detached" });
  assert.equal(
    await page.evaluate(() => document.activeElement?.tagName),
    "H1",
    "the button is gone, the focus is not",
  );

  await tabTo(page, "Background access", "Shift+Tab");
  await page.keyboard.press("Enter");
  await seesStatus(page, "active");
  await tabTo(page, "Stop acting for me");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await tabTo(page, "Stop");
  await page.keyboard.press("Enter");
  await seesStatus(page, "none");
  await page.waitForFunction(() => document.activeElement?.tagName === "H1");
  await tabTo(page, "Sign in and let it act for me");
  await Promise.all([page.waitForEvent("popup"), page.keyboard.press("Enter")]);
  await seesStatus(page, "active");

  await tabTo(page, `Account: ${chidi.name}`, "Shift+Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("menuitemradio", { name: chidi.upn }).waitFor();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await heading(page, WELCOME);
  assertClean();
  await close();
});

test("whatever Tab reaches shows that it has the focus", async () => {
  const { page, close } = await visit(browser, { viewport: { width: 1200, height: 2400 } });
  await heading(page, WELCOME);
  await assertFocusShows(page, 4);
  await page.goto(`${stack.page}/claims`);
  await signInByRedirect(page, adele);
  await page.getByRole("table", { name: "Who you are" }).waitFor();
  await navigate(page, "Profile");
  await seesProfile(page, adele);
  await assertFocusShows(page, 6);
  await navigate(page, "Background access");
  await seesStatus(page, "active");
  await assertFocusShows(page, 6);
  await page.goto(`${stack.emulator}/devicelogin`);
  await assertFocusShows(page, 2);
  await page.goto(stack.accounts);
  await page.getByRole("rowheader", { name: adele.upn }).waitFor();
  await assertFocusShows(page, 4);
  await page.goto(`${stack.emulator}/emulator`);
  await page.getByRole("rowheader", { name: adele.name }).waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await page.evaluate(() => {
    if (document.activeElement instanceof HTMLElement) {
      document.activeElement.blur();
    }
  });
  await assertFocusShows(page, 20);
  await close();
});

/**
 * Opens a pop-up with a button that Tab reaches.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} name
 */
async function openWithKeyboard(page, name) {
  await tabTo(page, name);
  const [popup] = await Promise.all([page.waitForEvent("popup"), page.keyboard.press("Enter")]);
  await popup.getByRole("button", { name: "Cancel" }).waitFor();
  return popup;
}

/**
 * Goes through `stops` elements with Tab. Each must look different with the focus than without it.
 *
 * @param {import("playwright-core").Page} page
 * @param {number} stops
 */
async function assertFocusShows(page, stops) {
  await page.keyboard.press("Tab");
  for (let stop = 0; stop < stops; stop++) {
    const at = await page.evaluate(() => {
      const element = document.activeElement ?? document.body;
      const { x, y, width, height } = element.getBoundingClientRect();
      return {
        name: element.outerHTML.slice(0, 160),
        box: { x: x - 6, y: y - 6, width: width + 12, height: height + 12 },
      };
    });
    const clip = { ...at.box, x: Math.max(0, at.box.x), y: Math.max(0, at.box.y) };
    const withFocus = await page.screenshot({ clip });
    await page.keyboard.press("Tab");
    const without = await page.screenshot({ clip });
    assert.ok(!withFocus.equals(without), `${page.url()}: nothing shows the focus on ${at.name}`);
  }
}

/** @param {import("playwright-core").Page} page */
async function focused(page) {
  return page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent);
}

/**
 * Presses Tab until the focus is on the named element; pictures may stand before its name.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} name
 * @param {"Tab" | "Shift+Tab"} [key]
 */
async function tabTo(page, name, key = "Tab") {
  for (let presses = 0; presses < 30; presses++) {
    await page.keyboard.press(key);
    if ((await focused(page))?.endsWith(name)) {
      return;
    }
  }
  assert.fail(`${name} was not reached with 30 presses of ${key}`);
}
