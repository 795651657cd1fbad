// @ts-check
import { after, before, test } from "node:test";
import {
  chooseUser,
  examine,
  heading,
  launch,
  navigate,
  notice,
  refreshStatus,
  seesProfile,
  seesStatus,
  signInByPopup,
  signInByRedirect,
  visit,
} from "./support/browser.mjs";
import {
  act,
  adele,
  advanceClock,
  application,
  bruno,
  endFaults,
  farid,
  dana,
  requireSecondFactor,
  revoke,
  stack,
  sweep,
  tenant,
  withApiRefused,
  withFaults,
} from "./support/stack.mjs";

// Every page in every state: nothing for axe to find in light and dark, on a wide screen and at 320 px, and nothing wider than
// the screen. The states come about as they do for a user.

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/**
 * The window closes by itself: Entra ID knows the user.
 *
 * @returns {Promise<void>}
 */
const wait = () => Promise.resolve();

/** Longer than the idle threshold (30 s), and so short that no token ends. */
const AWAY_SECONDS = 90;

test("signed out: welcome, cancelled, failed, waiting for the window, welcome back", async () => {
  const { page, close } = await visit(browser);
  await heading(page, "It works for you while you are away");
  await examine(page, "welcome");
  await page.getByRole("button", { name: "Theme" }).click();
  await page.getByRole("menuitemradio", { name: "Dark" }).waitFor();
  await examine(page, "theme-menu");
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await notice(page, "Sign-in was cancelled");
  await examine(page, "welcome-cancelled");

  await withFaults({ entra: { fail: { status: 500 }, only: ["token.authorization_code"] } }, async () => {
    await signInByRedirect(page, adele);
    await notice(page, "Sign-in did not work");
    await examine(page, "welcome-failed");
  });

  const opened = page.waitForEvent("popup");
  await page.getByRole("button", { name: "Sign in with a pop-up" }).click();
  await opened;
  await page.getByText(/^Waiting for the sign-in window/).waitFor();
  await examine(page, "welcome-waiting");
  const popup = await opened;
  await chooseUser(popup, adele);
  await seesProfile(page, adele);

  await page.context().clearCookies();
  await page.reload();
  await page.getByRole("button", { name: `Continue as ${adele.upn}` }).waitFor();
  await examine(page, "welcome-back");
  await close();
});

test("signed in: profile, menu, ID token, an unknown address, redirect.html opened by hand", async () => {
  const { page, close } = await visit(browser, { path: "/nowhere" });
  await signInByRedirect(page, adele);
  await heading(page, "There is no such page");
  await examine(page, "not-found");

  /** @type {() => void} */
  let answer = () => undefined;
  const held = new Promise((resolve) => {
    answer = () => {
      resolve(undefined);
    };
  });
  await page.route(`${stack.api}/**`, async (route) => {
    await held;
    await route.continue();
  });
  await page.getByRole("link", { name: "Go to your profile" }).click();
  await page.getByRole("status", { name: "Loading your profile" }).waitFor();
  await examine(page, "profile-loading");
  await navigate(page, "Background access");
  await page.getByRole("status", { name: "Loading your background access" }).waitFor();
  await examine(page, "background-loading");
  answer();

  await navigate(page, "Profile");
  await seesProfile(page, adele);
  await examine(page, "profile");
  await page.getByRole("button", { name: /^Account:/ }).click();
  await page.getByRole("menuitemradio", { name: adele.upn }).waitFor();
  await examine(page, "account-menu");
  await page.keyboard.press("Escape");
  await navigate(page, "ID token");
  await page.getByRole("table", { name: "Who you are" }).waitFor();
  await examine(page, "id-token");
  await page.goto(`${stack.page}/redirect.html`);
  await page.getByRole("link", { name: "Go to the start page" }).waitFor();
  await examine(page, "redirect-by-hand");
  await close();
});

test("a profile with next to nothing in it", async () => {
  const { page, close } = await visit(browser);
  await signInByRedirect(page, farid);
  await seesProfile(page, farid);
  await examine(page, "profile-empty");
  await close();
});

test("problems with the profile, each with its remedy", async () => {
  const { page, close } = await visit(browser, { path: "/claims" });
  await signInByRedirect(page, farid);
  await page.getByRole("table", { name: "Who you are" }).waitFor();
  const see = async (/** @type {string} */ title, /** @type {string} */ name) => {
    await navigate(page, "Profile");
    await notice(page, title);
    await examine(page, name);
    await navigate(page, "ID token");
  };
  await requireSecondFactor(farid, true);
  try {
    await see("One more step is needed", "problem-second-factor");
  } finally {
    await requireSecondFactor(farid, false);
  }
  await act(farid, "withdraw-consent");
  try {
    await see("Your agreement is needed", "problem-consent");
  } finally {
    await act(farid, "grant-consent");
  }
  await withApiRefused(async () => {
    await see("The service is not let in", "problem-application");
  });
  await withFaults({ entra: { fail: { status: 500 }, only: ["token.on_behalf_of"] } }, async () => {
    await see("Microsoft Entra ID does not answer", "problem-entra");
  });
  await withFaults({ graph: { throttle: { retryAfterSeconds: 900 } } }, async () => {
    await see("Too many requests just now", "problem-throttled");
  });
  await page.route(`${stack.api}/**`, (route) => route.abort("connectionrefused"));
  await see("The API cannot be reached", "problem-unreachable");
  await page.unroute(`${stack.api}/**`);

  await navigate(page, "Profile");
  await seesProfile(page, farid);
  await withFaults({ graph: { fail: { status: 503 } } }, async () => {
    await page.getByRole("button", { name: "Refresh" }).click();
    await notice(page, "Microsoft Graph does not answer");
    await examine(page, "problem-over-profile");
  });
  await revoke(farid);
  await page.getByRole("button", { name: "Try again" }).click();
  const told = await notice(page, "Sign in again");
  const opened = page.waitForEvent("popup");
  await told.getByRole("button", { name: "Sign in again" }).click();
  await (await opened).getByRole("button", { name: "Cancel" }).click();
  await told.getByText(/^Sign-in was cancelled/).waitFor();
  await examine(page, "problem-revoked-and-cancelled");
  await close();
});

test("background access: active, asked to stop, not allowed to, none, retrying, and in need of the user or the administrator", async () => {
  const { page, close } = await visit(browser);
  await signInByRedirect(page, bruno);
  await seesProfile(page, bruno);
  await advanceClock(AWAY_SECONDS);
  await sweep();
  await navigate(page, "Background access");
  await seesStatus(page, "active");
  await examine(page, "background-active");

  const dialog = page.getByRole("dialog", { name: "Stop acting for me?" });
  await page.getByRole("button", { name: "Stop acting for me" }).click();
  await dialog.waitFor();
  await examine(page, "background-stop");
  await page.route(`${stack.api}/**`, (route) => route.abort("connectionrefused"));
  await dialog.getByRole("button", { name: "Stop", exact: true }).click();
  await notice(page, "The API cannot be reached");
  await examine(page, "background-stop-failed");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Refresh" }).click();
  await notice(page, "The API cannot be reached");
  await examine(page, "background-problem");
  await page.unroute(`${stack.api}/**`);
  await refreshStatus(page);

  await page.getByRole("button", { name: "Stop acting for me" }).click();
  await dialog.getByRole("button", { name: "Stop", exact: true }).click();
  await seesStatus(page, "none");
  await examine(page, "background-none");

  await signInByPopup(
    page,
    bruno,
    () => page.getByRole("button", { name: "Sign in and let it act for me" }).click(),
    wait,
  );
  await seesStatus(page, "active");
  await withFaults({ graph: { fail: { status: 503 } } }, async () => {
    await advanceClock(AWAY_SECONDS);
    await sweep();
  });
  await refreshStatus(page);
  await seesStatus(page, "failing");
  await examine(page, "background-failing");

  await revoke(bruno);
  await advanceClock(3_600);
  await sweep();
  await page.reload();
  await signInAgainIfAsked(page);
  await close();
});

/**
 * The clock has run past the page's own token as well, and the session is revoked, so the page needs a sign-in to ask at all.
 *
 * @param {import("playwright-core").Page} page
 */
async function signInAgainIfAsked(page) {
  const told = await notice(page, "Sign in again");
  await examine(page, "background-sign-in");
  await signInByPopup(page, bruno, () => told.getByRole("button", { name: "Sign in again" }).click());
  await seesStatus(page, "active");
  await act(bruno, "disable");
  try {
    await advanceClock(AWAY_SECONDS);
    await sweep();
    await refreshStatus(page);
    await seesStatus(page, "needs_user");
    await examine(page, "background-disabled");
  } finally {
    await act(bruno, "enable");
  }
}

test("a permission that the page was not given, and settings that are missing", async () => {
  const { page, close } = await visit(browser);
  const config = await (await fetch(`${stack.page}/config.json`)).text();
  const readOnly = config.replaceAll("Profile.ReadWrite", "Profile.Read");
  await page.route("**/config.json", (route) => route.fulfill({ contentType: "application/json", body: readOnly }));
  await page.reload();
  await signInByRedirect(page, adele);
  await seesProfile(page, adele);
  await navigate(page, "Background access");
  await page.getByRole("button", { name: "Stop acting for me" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Stop", exact: true }).click();
  await notice(page, "You do not have access");
  await examine(page, "problem-permission");

  await page.unroute("**/config.json");
  await page.route("**/config.json", (route) => route.fulfill({ status: 404 }));
  await page.reload();
  await heading(page, "This page is not set up yet");
  await examine(page, "settings-missing");
  await page.unroute("**/config.json");
  await page.route("**/assets/*.js", (route) =>
    route.request().url().includes("/start-") ? route.abort() : route.continue(),
  );
  await page.reload();
  await heading(page, "This page could not start");
  await examine(page, "cannot-start");
  await close();
});

test("Entra ID's pages: accounts, second factor, consent, refusals, signed out", async () => {
  const { page, close } = await visit(browser);
  const authorize = (/** @type {Record<string, string>} */ more) =>
    `${stack.emulator}/${tenant}/oauth2/v2.0/authorize?${new URLSearchParams({
      client_id: application.page,
      response_type: "code",
      response_mode: "fragment",
      redirect_uri: `${stack.page}/redirect.html`,
      scope: "openid profile",
      code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
      code_challenge_method: "S256",
      ...more,
    }).toString()}`;
  await requireSecondFactor(dana, true);
  try {
    await act(dana, "withdraw-consent");
    await page.goto(authorize({ login_hint: dana.upn }));
    await heading(page, "Pick an account");
    await examine(page, "entra-accounts");
    await page.getByRole("button", { name: dana.name }).click();
    await heading(page, "Approve sign-in");
    await examine(page, "entra-second-factor");
    await page.getByRole("button", { name: "Approve" }).click();
    await heading(page, "Permissions requested");
    await examine(page, "entra-consent");
  } finally {
    await requireSecondFactor(dana, false);
    await act(dana, "grant-consent");
  }
  await page.goto(authorize({ redirect_uri: "https://elsewhere.example/" }));
  await heading(page, "Sorry, but we’re having trouble signing you in.");
  await examine(page, "entra-refused");
  await page.goto(`${stack.emulator}/error?code=50011`);
  await heading(page, "AADSTS50011");
  await examine(page, "entra-error-code");
  await page.route("**/form-post.js", (route) => route.fulfill({ contentType: "text/javascript", body: "" }));
  await page.goto(authorize({ response_mode: "form_post" }));
  await page.getByRole("button", { name: "Cancel" }).click();
  await heading(page, "Signing in");
  await examine(page, "entra-form-post");
  await page.goto(`${stack.emulator}/${tenant}/oauth2/v2.0/logout`);
  await heading(page, "You signed out of your account");
  await examine(page, "entra-signed-out");
  await close();
});

test("Entra ID's pages for a device: code, wrong code, accounts, second factor, consent, done, declined", async () => {
  const { page, close } = await visit(browser);
  const code = async () => {
    const response = await fetch(`${stack.emulator}/${tenant}/oauth2/v2.0/devicecode`, {
      method: "POST",
      body: new URLSearchParams({ client_id: application.commandLine, scope: "openid profile" }),
    });
    /** @type {unknown} */
    const answer = await response.json();
    return /** @type {{ user_code: string }} */ (answer).user_code;
  };
  const enter = async (/** @type {string} */ text) => {
    await page.getByLabel("Code shown on your device").fill(text);
    await page.getByRole("button", { name: "Next" }).click();
  };
  await page.goto(`${stack.emulator}/devicelogin`);
  await heading(page, "Enter code");
  await examine(page, "device-code");
  await enter("NOSUCHCODE");
  await page.getByRole("alert").waitFor();
  await examine(page, "device-wrong-code");
  await requireSecondFactor(farid, true);
  await act(farid, "withdraw-consent");
  try {
    await enter(await code());
    await heading(page, "Pick an account");
    await examine(page, "device-accounts");
    await chooseUser(page, farid);
    await heading(page, "Approve sign-in");
    await examine(page, "device-second-factor");
    await page.getByRole("button", { name: "Continue" }).click();
    await heading(page, "Permissions requested");
    await examine(page, "device-consent");
    await page.getByRole("button", { name: "Continue" }).click();
    await heading(page, "You have signed in");
    await examine(page, "device-done");
  } finally {
    await requireSecondFactor(farid, false);
    await act(farid, "grant-consent");
  }
  await page.goto(`${stack.emulator}/devicelogin?user_code=${await code()}`);
  await page.getByRole("button", { name: "Cancel" }).click();
  await heading(page, "Sign-in declined");
  await examine(page, "device-declined");
  await close();
});

test("the emulator's users and scenarios, calm and with everything switched on", async () => {
  const { page, close } = await visit(browser);
  await page.goto(`${stack.emulator}/emulator`);
  await page.getByRole("rowheader", { name: adele.name }).waitFor();
  await examine(page, "control");
  await act(farid, "disable");
  await requireSecondFactor(farid, true);
  try {
    const faults = { fail: { status: 500 }, throttle: { retryAfterSeconds: 5 }, garbage: {}, delayMs: 10 };
    await withFaults({ entra: faults, graph: faults, strictRotation: true }, async () => {
      await page.getByText(/^On: entra: throttled/).waitFor();
      await examine(page, "control-scenarios");
    });
  } finally {
    await endFaults();
    await requireSecondFactor(farid, false);
    await act(farid, "enable");
  }
  await close();
});

test("the accounts of the local stack: list, search, one swept, nobody, refused", async () => {
  const { page, close } = await visit(browser);
  await page.goto(stack.accounts);
  await page.getByRole("rowheader", { name: adele.upn }).waitFor();
  await examine(page, "accounts");
  await page.getByRole("button", { name: `Sweep ${adele.upn}` }).click();
  await page.getByRole("status").filter({ hasText: adele.upn }).waitFor();
  await examine(page, "accounts-swept-one");
  await page.getByLabel("User or account id").fill("nobody@lakeside.example");
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByText("Nobody of that name has an account here.").waitFor();
  await examine(page, "accounts-nobody");
  await page.goto(`${stack.accounts}/?from=nowhere`);
  await heading(page, "Not done");
  await examine(page, "accounts-refused");
  await close();
});
