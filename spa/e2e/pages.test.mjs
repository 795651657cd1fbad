// @ts-check
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  assertAccessible,
  chooseUser,
  heading,
  launch,
  navigate,
  picture,
  signInByRedirect,
  visit,
} from "./support/browser.mjs";
import { adele, stack } from "./support/stack.mjs";

const WELCOME = "It works for you while you are away";
const PHONE = { viewport: { width: 360, height: 740 } };

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  for (const [screen, options] of /** @type {const} */ ([
    ["desktop", {}],
    ["phone", PHONE],
  ])) {
    test(`every page is accessible and fits: ${colorScheme}, ${screen}`, async () => {
      const { page, assertClean, close } = await visit(browser, { ...options, colorScheme });
      const check = async (/** @type {string} */ name) => {
        await assertAccessible(page);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(overflow <= 0, `${name} is ${overflow}px wider than the screen`);
        await picture(page, `${name}-${colorScheme}-${screen}`);
      };
      await heading(page, WELCOME);
      await check("welcome");
      await signInByRedirect(page, adele);
      await page.getByRole("region", { name: adele.name }).waitFor();
      await check("profile");
      await navigate(page, "Background access");
      await page.locator("[data-status]").waitFor();
      await check("background");
      await navigate(page, "ID token");
      await page.getByRole("table", { name: "Who you are" }).waitFor();
      await check("claims");
      await page.getByRole("button", { name: /^Account:/ }).click();
      await page.getByRole("menuitemradio", { name: adele.upn }).waitFor();
      await picture(page, `account-menu-${colorScheme}-${screen}`);
      assertClean();
      await close();
    });
  }
}

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

test("a deep link survives the sign-in", async () => {
  const { page, assertClean, close } = await visit(browser, { path: "/claims" });
  await heading(page, WELCOME);
  await signInByRedirect(page, adele);
  await page.getByRole("table", { name: "Who you are" }).getByText(adele.name, { exact: true }).waitFor();
  assert.equal(new URL(page.url()).pathname, "/claims");
  assertClean();
  await close();
});

test("the last account is offered after signing out of the browser session", async () => {
  const { page, assertClean, close } = await visit(browser);
  await signInByRedirect(page, adele);
  await page.getByRole("region", { name: adele.name }).waitFor();
  // Closing the browser ends its session cookies, and with them MSAL's key to what it stored.
  await page.context().clearCookies();
  await page.evaluate(() => {
    sessionStorage.clear();
  });
  await page.reload();
  await page.getByRole("button", { name: `Continue as ${adele.upn}` }).click();
  await chooseUser(page, adele);
  await page.getByRole("region", { name: adele.name }).waitFor();
  assertClean();
  await close();
});

test("an API that does not answer is told to the user, who can try again", async () => {
  const { page, close } = await visit(browser);
  await page.route(`${stack.api}/**`, (route) => route.abort("connectionrefused"));
  await signInByRedirect(page, adele);
  await page.getByText("The API cannot be reached").waitFor();
  await assertAccessible(page);
  await picture(page, "api-unreachable");
  await page.unroute(`${stack.api}/**`);
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("region", { name: adele.name }).waitFor();
  await close();
});

test("missing settings and unknown addresses have pages that say so", async () => {
  const { page, close } = await visit(browser, { path: "/nowhere" });
  await signInByRedirect(page, adele);
  await heading(page, "There is no such page");
  await page.route("**/config.json", (route) => route.fulfill({ status: 404 }));
  await page.reload();
  await heading(page, "This page is not set up yet");
  await assertAccessible(page);
  await picture(page, "settings-missing");
  await page.unroute("**/config.json");
  await page.goto(`${stack.page}/redirect.html`);
  await page.getByRole("link", { name: "Go to the start page" }).waitFor();
  await close();
});

/** @param {import("playwright-core").Page} page */
async function focused(page) {
  return page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent);
}

/**
 * Presses Tab until the focus is on the named element.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} name
 * @param {"Tab" | "Shift+Tab"} [key]
 */
async function tabTo(page, name, key = "Tab") {
  for (let presses = 0; presses < 30; presses++) {
    await page.keyboard.press(key);
    if ((await focused(page)) === name) {
      return;
    }
  }
  assert.fail(`${name} was not reached with 30 presses of ${key}`);
}
