// @ts-check
import assert from "node:assert/strict";

/**
 * The local stack that the journeys run against, by address. It is started by whoever runs them:
 * `cargo xtask test` does, and by hand `cargo local --control` prints the addresses.
 */
export const stack = {
  page: address("STACK_PAGE_URL"),
  api: address("STACK_API_URL"),
  accounts: address("STACK_ACCOUNTS_URL"),
  emulator: address("STACK_EMULATOR_URL"),
  control: address("STACK_CONTROL_URL"),
};

/** Some of the users that the emulator offers out of the box. Farid's profile is almost empty. */
export const adele = { upn: "adele@lakeside.example", name: "Adele Vance", jobTitle: "Retail Manager" };
export const bruno = { upn: "bruno@lakeside.example", name: "Bruno Keller", jobTitle: "Site Reliability Engineer" };
export const chidi = { upn: "chidi@lakeside.example", name: "Chidi Okafor", jobTitle: "Financial Analyst" };
export const dana = { upn: "dana@lakeside.example", name: "Dana Ortiz", jobTitle: "Head of Product" };
export const elin = { upn: "elin@lakeside.example", name: "Elin Söderberg", jobTitle: "Data Scientist" };
export const farid = { upn: "farid@lakeside.example", name: "Farid Haddad", jobTitle: "No job title" };

/** The applications that the emulator knows out of the box, and what the API proves itself with there. */
export const application = {
  api: "0e5c3b7d-92a1-4f86-b3c4-5d6e7f809a1b",
  apiSecret: "local-only-secret-of-the-sample-api",
  commandLine: "3b8e1d90-6a2c-4d7f-95b4-e8f07c1a2d36",
  page: "c41f8e26-7b3d-45a9-8e10-2f9b6d4c7a53",
};
export const tenant = "6f1d2c3a-54b0-4e0f-9a5e-0c7d1b8e2f40";

/**
 * Moves the stack's clock on, for the API, the sweep and the emulator alike.
 *
 * @param {number} seconds
 */
export async function advanceClock(seconds) {
  await post(`${stack.control}/clock/advance`, { seconds });
}

/** Runs one sweep to its end. */
export async function sweep() {
  await post(`${stack.control}/sweep`, {});
}

/**
 * Makes Entra ID ask the user for a second factor from now on, or stop asking.
 *
 * @param {{ upn: string }} user
 * @param {boolean} required
 */
export async function requireSecondFactor(user, required) {
  await act(user, required ? "require-mfa" : "clear-mfa");
}

/**
 * Revokes everything the user has signed in to, as an administrator's "revoke sessions" does.
 *
 * @param {{ upn: string }} user
 */
export async function revoke(user) {
  await act(user, "revoke");
}

/**
 * Does to a user what an administrator, or the user's own account page, can do.
 *
 * @param {{ upn: string }} user
 * @param {"require-mfa" | "clear-mfa" | "revoke" | "withdraw-consent" | "grant-consent" | "disable" | "enable"} action
 */
export async function act({ upn }, action) {
  await post(`${stack.emulator}/emulator/api/users/${encodeURIComponent(upn)}/${action}`, {});
}

/**
 * Runs `during` with faults switched on at the emulator, and switches all off again.
 *
 * @template T
 * @param {Record<string, unknown>} change
 * @param {() => Promise<T>} during
 */
export async function withFaults(change, during) {
  await send("PUT", `${stack.emulator}/emulator/api/scenarios`, change);
  try {
    return await during();
  } finally {
    await endFaults();
  }
}

/** Switches every fault of the emulator off. */
export async function endFaults() {
  await send("DELETE", `${stack.emulator}/emulator/api/scenarios`);
}

/**
 * Runs `during` while Entra ID refuses the API's own credential.
 *
 * @template T
 * @param {() => Promise<T>} during
 */
export async function withApiRefused(during) {
  const secrets = `${stack.emulator}/emulator/api/applications/${application.api}/secrets`;
  await send("PUT", secrets, ["another secret than the one the API has"]);
  try {
    return await during();
  } finally {
    await send("PUT", secrets, [application.apiSecret]);
  }
}

/**
 * @typedef {{ number: number, kind: string, user: string | null, status: number, error: string | null }} LoggedRequest
 */

/**
 * What the emulator has logged, oldest first.
 *
 * @returns {Promise<LoggedRequest[]>}
 */
export async function emulatorLog() {
  const response = await fetch(`${stack.emulator}/emulator/api/requests?limit=2000`);
  assert.ok(response.ok);
  /** @type {unknown} */
  const entries = await response.json();
  return /** @type {LoggedRequest[]} */ (entries);
}

/**
 * @param {string} url
 * @param {unknown} body
 */
function post(url, body) {
  return send("POST", url, body);
}

/**
 * @param {string} method
 * @param {string} url
 * @param {unknown} [body]
 */
async function send(method, url, body) {
  const response = await fetch(url, {
    method,
    headers: { "Content-Type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  assert.ok(response.ok, `${method} ${url} answered ${response.status}: ${await response.text()}`);
}

/** @param {string} name */
function address(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(
      `${name} is not set. These journeys need a running stack: start it with "cargo local --control" and set STACK_PAGE_URL, ` +
        "STACK_API_URL, STACK_ACCOUNTS_URL, STACK_EMULATOR_URL and STACK_CONTROL_URL to the addresses it prints, or run them all with " +
        '"cargo xtask test".',
    );
  }
  return value.replace(/\/+$/, "");
}
