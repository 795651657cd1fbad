// @ts-check
import assert from "node:assert/strict";

/**
 * The local stack that the journeys run against, by address. It is started by whoever runs them:
 * `cargo xtask test` does, and by hand `cargo local --control` prints the addresses.
 */
export const stack = {
  page: address("STACK_PAGE_URL"),
  api: address("STACK_API_URL"),
  emulator: address("STACK_EMULATOR_URL"),
  control: address("STACK_CONTROL_URL"),
};

/** Some of the users that the emulator offers out of the box. */
export const adele = { upn: "adele@lakeside.example", name: "Adele Vance", jobTitle: "Retail Manager" };
export const bruno = { upn: "bruno@lakeside.example", name: "Bruno Keller", jobTitle: "Site Reliability Engineer" };
export const chidi = { upn: "chidi@lakeside.example", name: "Chidi Okafor", jobTitle: "Financial Analyst" };

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
export async function requireSecondFactor({ upn }, required) {
  const action = required ? "require-mfa" : "clear-mfa";
  await post(`${stack.emulator}/emulator/api/users/${encodeURIComponent(upn)}/${action}`, {});
}

/**
 * Revokes everything the user has signed in to, as an administrator's "revoke sessions" does.
 *
 * @param {{ upn: string }} user
 */
export async function revoke({ upn }) {
  await post(`${stack.emulator}/emulator/api/users/${encodeURIComponent(upn)}/revoke`, {});
}

/**
 * @param {string} url
 * @param {unknown} body
 */
async function post(url, body) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  assert.ok(response.ok, `POST ${url} answered ${response.status}: ${await response.text()}`);
}

/** @param {string} name */
function address(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(
      `${name} is not set. These journeys need a running stack: start it with "cargo local --control" and set STACK_PAGE_URL, ` +
        "STACK_API_URL, STACK_EMULATOR_URL and STACK_CONTROL_URL to the addresses it prints, or run them all with " +
        '"cargo xtask test".',
    );
  }
  return value.replace(/\/+$/, "");
}
