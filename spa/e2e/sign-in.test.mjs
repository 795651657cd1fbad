// @ts-check
import { after, before, test } from "node:test";
import { chooseUser, launch, signInByPopup, signInByRedirect, visit } from "./support/browser.mjs";
import { adele } from "./support/stack.mjs";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("cancelling a sign-in by redirect leads back, with no alarm and nothing changed", async () => {
  const { page, assertClean, close } = await visit(browser);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Sign-in was cancelled").waitFor();
  await signInByRedirect(page, adele);
  await page.getByRole("region", { name: adele.name }).waitFor();
  assertClean();
  await close();
});

test("cancelling in the pop-up is told on the page", async () => {
  const { page, assertClean, close } = await visit(browser);
  await signInByPopup(page, adele, undefined, (popup) => popup.getByRole("button", { name: "Cancel" }).click());
  await page.getByText("Sign-in was cancelled").waitFor();
  assertClean();
  await close();
});

test("a pop-up that was closed can be opened again", async () => {
  const { page, assertClean, close } = await visit(browser);
  const button = page.getByRole("button", { name: "Sign in with a pop-up" });
  const [popup] = await Promise.all([page.waitForEvent("popup"), button.click()]);
  await popup.close();
  await page.getByText(/^Waiting for the sign-in window/).waitFor();
  await signInByPopup(page, adele);
  await page.getByRole("region", { name: adele.name }).waitFor();
  assertClean();
  await close();
});

test("tokens that are gone are fetched again in a hidden frame, without a word to the user", async () => {
  const { page, assertClean, close } = await visit(browser);
  await signInByRedirect(page, adele);
  await page.getByRole("region", { name: adele.name }).waitFor();
  await page.evaluate(() => {
    for (const key of Object.keys(localStorage).filter((name) => /accesstoken|refreshtoken/.test(name))) {
      localStorage.removeItem(key);
    }
  });
  const framed = page.waitForRequest(
    (request) => request.url().includes("/authorize?") && request.frame().parentFrame() !== null,
  );
  await page.reload();
  await framed;
  await page.getByRole("region", { name: adele.name }).waitFor();
  assertClean();
  await close();
});

test("all tabs of a browser share the sign-in", async () => {
  const { page, assertClean, close } = await visit(browser);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await chooseUser(page, adele);
  await page.getByRole("region", { name: adele.name }).waitFor();
  const tab = await page.context().newPage();
  await tab.goto(page.url());
  await tab.getByRole("region", { name: adele.name }).waitFor();
  assertClean();
  await close();
});
