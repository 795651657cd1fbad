// @ts-check
import assert from "node:assert/strict";
import { emulatorLog, stack } from "./stack.mjs";

/**
 * Counts from now on what the visitor's browser does, and what Entra ID is asked for the user, by the browser or the API.
 *
 * - `navigations`: pages loaded in place of the one shown, those of Entra ID included
 * - `popups`: windows opened
 * - `profile`, `background`: calls of the API
 * - `authorize`: sign-in pages asked for, in whatever window or hidden frame
 * - `refresh`, `code`: tokens asked for by the browser
 * - `on-behalf-of`: tokens asked for by the API
 *
 * @param {import("playwright-core").Page} page
 * @param {{ upn: string }} user
 */
export async function watchTraffic(page, user) {
  const from = (await emulatorLog()).at(-1)?.number ?? 0;
  /** @type {Record<string, number>} */
  const browser = {};
  const count = (/** @type {string} */ what) => {
    browser[what] = (browser[what] ?? 0) + 1;
  };
  page.on("popup", () => {
    count("popups");
  });
  page.on("request", (request) => {
    if (request.isNavigationRequest() && request.frame() === page.mainFrame()) {
      count("navigations");
    }
    if (request.url().startsWith(`${stack.api}/api/`) && request.method() !== "OPTIONS") {
      count(request.url().endsWith("/profile") ? "profile" : "background");
    }
  });

  const counts = async () => {
    const all = { ...browser };
    for (const entry of await emulatorLog()) {
      const what = KINDS.get(entry.kind);
      if (entry.number > from && what && (entry.user === user.upn || entry.user === null)) {
        all[what] = (all[what] ?? 0) + 1;
      }
    }
    return all;
  };
  return {
    counts,
    /**
     * Fails if anything happened more often than said. What is not named must not have happened.
     *
     * @param {Partial<Record<Counted, number>>} bounds
     */
    assertAtMost: async (bounds) => {
      const all = await counts();
      const over = Object.entries(all).filter(([what, times]) => times > (bounds[/** @type {Counted} */ (what)] ?? 0));
      assert.deepEqual(Object.fromEntries(over), {}, `more than ${JSON.stringify(bounds)}: ${JSON.stringify(all)}`);
    },
  };
}

/**
 * @typedef {"navigations" | "popups" | "profile" | "background" | "authorize" | "refresh" | "code" | "on-behalf-of"} Counted
 */

const KINDS = new Map([
  ["authorize", "authorize"],
  ["token.refresh", "refresh"],
  ["token.authorization_code", "code"],
  ["token.on_behalf_of", "on-behalf-of"],
]);

/**
 * Lets the page's timers run for five minutes at once and fails if the page has done anything: what it shows now stays until
 * the user does something. The visit must have been made with `timers: true`.
 *
 * @param {import("playwright-core").Page} page
 * @param {Awaited<ReturnType<typeof watchTraffic>>} traffic
 */
export async function assertRests(page, traffic) {
  const before = await traffic.counts();
  await page.clock.runFor(5 * 60_000);
  assert.deepEqual(await traffic.counts(), before, "the page acts by itself");
}
