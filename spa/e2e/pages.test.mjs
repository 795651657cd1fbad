// @ts-check
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { chooseUser, heading, launch, signInByRedirect, visit } from "./support/browser.mjs";
import { adele, stack } from "./support/stack.mjs";

const WELCOME = "It works for you while you are away";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

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

test("missing settings and unknown addresses have pages that say so", async () => {
  const { page, close } = await visit(browser, { path: "/nowhere" });
  await signInByRedirect(page, adele);
  await heading(page, "There is no such page");
  await page.route("**/config.json", (route) => route.fulfill({ status: 404 }));
  await page.reload();
  await heading(page, "This page is not set up yet");
  await page.unroute("**/config.json");
  await page.goto(`${stack.page}/redirect.html`);
  await page.getByRole("link", { name: "Go to the start page" }).waitFor();
  await close();
});
