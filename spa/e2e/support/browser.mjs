// @ts-check
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { chromium } from "playwright-core";
import { stack } from "./stack.mjs";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").BrowserContextOptions} ContextOptions */

/** Starts the system's Chromium. It keeps to this machine: nothing is looked up or updated behind the tests. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  });
}

/**
 * Opens the page as a new visitor: nothing is shared with other visitors of the same browser. What the page reports as
 * broken, or keeps from running for its security policy, is collected and fails the test that calls `assertClean`.
 *
 * @param {import("playwright-core").Browser} browser
 * @param {ContextOptions & { path?: string, timers?: boolean }} [options] with `timers`, `page.clock` moves the page's timers
 */
export async function visit(browser, { path: at = "/", timers = false, ...options } = {}) {
  const context = await browser.newContext({
    viewport: { width: 1200, height: 900 },
    reducedMotion: "reduce",
    ...options,
  });
  const page = await context.newPage();
  if (timers) {
    await page.clock.install();
  }
  /** @type {string[]} */
  const faults = [];
  page.on("pageerror", (error) => faults.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
      faults.push(`console: ${message.text()}`);
    }
  });
  await page.goto(stack.page + at);
  return {
    page,
    close: () => context.close(),
    assertClean: () => {
      assert.deepEqual(faults, []);
    },
  };
}

/**
 * @param {Page} page
 * @param {{ upn: string }} user
 */
export async function signInByRedirect(page, user) {
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await chooseUser(page, user);
}

/**
 * @param {Page} page
 * @param {{ upn: string }} user
 * @param {() => Promise<void>} [open] clicks what opens the pop-up
 * @param {(popup: Page, user: { upn: string }) => Promise<void>} [answer] what the user does in it
 */
export async function signInByPopup(
  page,
  user,
  open = () => page.getByRole("button", { name: "Sign in with a pop-up" }).click(),
  answer = chooseUser,
) {
  const [popup] = await Promise.all([page.waitForEvent("popup"), open()]);
  await answer(popup, user);
  if (!popup.isClosed()) {
    await popup.waitForEvent("close");
  }
}

/**
 * Picks a user on the emulator's sign-in page.
 *
 * @param {Page} page
 * @param {{ upn: string }} user
 */
export async function chooseUser(page, { upn }) {
  await page.getByRole("button", { name: upn }).click();
}

/**
 * Gives the second factor that the emulator's sign-in page asks for, after picking the user where it asks who it is.
 *
 * @param {Page} page
 * @param {{ upn: string }} user
 */
export async function approve(page, { upn }) {
  const button = page.getByRole("button", { name: "Approve" });
  const account = page.getByRole("button", { name: upn });
  await button.or(account).first().waitFor();
  if (await account.isVisible()) {
    await account.click();
  }
  await button.click();
}

/**
 * Agrees to what the application asks for, after picking the user where Entra ID asks who it is.
 *
 * @param {Page} page
 * @param {{ upn: string }} user
 */
export async function agree(page, { upn }) {
  const button = page.getByRole("button", { name: "Accept" });
  const account = page.getByRole("button", { name: upn });
  await button.or(account).first().waitFor();
  if (await account.isVisible()) {
    await account.click();
  }
  await button.click();
}

/**
 * Waits for a heading, the sign that a page has come up.
 *
 * @param {Page} page
 * @param {string} name
 */
export async function heading(page, name) {
  await page.getByRole("heading", { name, exact: true }).waitFor();
}

/**
 * Goes to another page the way a user does.
 *
 * @param {Page} page
 * @param {"Profile" | "Background access" | "ID token"} label
 */
export async function navigate(page, label) {
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: label }).click();
}

/**
 * Waits until the page tells a problem under this title, and checks that the focus has come to it. Gives the notice.
 *
 * @param {Page} page
 * @param {string} title
 */
export async function notice(page, title) {
  const found = page.locator("[data-notice]").filter({ has: page.getByRole("heading", { name: title, exact: true }) });
  await found.waitFor();
  assert.ok(await found.evaluate((element) => element.contains(document.activeElement)), `${title}: has the focus`);
  return found;
}

/**
 * @param {Page} page
 * @param {{ name: string, jobTitle: string, upn: string }} user
 */
export async function seesProfile(page, user) {
  await heading(page, "Your profile");
  const card = page.getByRole("region", { name: user.name });
  await card.waitFor();
  await card.getByText(user.jobTitle).first().waitFor();
  await card.getByText(user.upn).waitFor();
}

/**
 * Waits until the page of background access shows this status.
 *
 * @param {Page} page
 * @param {"active" | "failing" | "needs_user" | "none"} expected
 */
export async function seesStatus(page, expected) {
  await page.locator(`[data-status="${expected}"]`).waitFor();
}

/**
 * Asks for the newest state of background access and waits for the answer.
 *
 * @param {Page} page
 */
export async function refreshStatus(page) {
  const answered = page.waitForResponse(
    (response) => response.url().endsWith("/api/background-access") && response.request().method() === "GET",
  );
  await page.getByRole("button", { name: "Refresh" }).click();
  await answered;
}

/**
 * When the sweep last acted for the user, as the page of background access has it.
 *
 * @param {Page} page
 */
export async function lastActed(page) {
  return page
    .locator("div", { has: page.locator("dt", { hasText: "The service's last turn" }) })
    .last()
    .locator("time")
    .getAttribute("datetime");
}

/**
 * Saves a picture when E2E_SCREENSHOTS names a folder.
 *
 * @param {Page} page
 * @param {string} name
 */
export async function picture(page, name) {
  const folder = process.env.E2E_SCREENSHOTS;
  if (folder) {
    await mkdir(folder, { recursive: true });
    await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
  }
}

const axe = createRequire(import.meta.url).resolve("axe-core");

/**
 * Fails on anything that axe finds against WCAG 2.2 A and AA.
 *
 * @param {Page} page
 * @param {string} [name] of the page, for the message
 */
export async function assertAccessible(page, name = page.url()) {
  // The page's security policy forbids scripts of others, so the checker goes in by the debugging protocol.
  if (!(await page.evaluate(() => "axe" in globalThis))) {
    await page.evaluate(await readScript());
  }
  const violations = await page.evaluate(async () => {
    const { axe } = /** @type {{ axe: typeof import("axe-core") }} */ (/** @type {unknown} */ (globalThis));
    const result = await axe.run(
      // Fluent's focus keeper puts these in and moves focus on from them itself.
      { exclude: ["[data-tabster-dummy]"] },
      { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] },
    );
    return result.violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary ?? ""}`).join(" | ")}`,
    );
  });
  assert.deepEqual(violations, [], name);
}

/**
 * Looks at the page as it is now in light and dark, on a wide screen and at the narrowest that must do (WCAG 1.4.10): fails on
 * what axe finds and on anything wider than the screen.
 *
 * @param {Page} page
 * @param {string} name of its pictures
 */
export async function examine(page, name) {
  const size = page.viewportSize();
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    await page.emulateMedia({ colorScheme });
    for (const width of [1200, 320]) {
      await page.setViewportSize({ width, height: 800 });
      await drawn(page, colorScheme);
      const what = `${name}-${colorScheme}-${width}`;
      await assertAccessible(page, what);
      await picture(page, what);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(overflow <= 0, `${what} is ${overflow}px wider than the screen`);
    }
  }
  await page.emulateMedia({ colorScheme: null });
  if (size) {
    await page.setViewportSize(size);
  }
}

/**
 * Waits until the page has taken the colours on and has been laid out in its new size.
 *
 * @param {Page} page
 * @param {"light" | "dark"} colorScheme
 */
async function drawn(page, colorScheme) {
  await page.waitForFunction(
    (wanted) => (document.documentElement.dataset.colorScheme ?? wanted) === wanted,
    colorScheme,
  );
  await page.evaluate(
    () =>
      new Promise((resolve) => {
        requestAnimationFrame(() => requestAnimationFrame(resolve));
      }),
  );
}

async function readScript() {
  const { readFile } = await import("node:fs/promises");
  return readFile(axe, "utf8");
}
