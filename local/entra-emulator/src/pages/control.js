// The control page: shows state and log once a second and turns buttons into calls of the JSON API.
"use strict";

const find = (id) => document.getElementById(id);
const PERIOD_MS = 1000;
let paused = false;
let shownUsers = "";

async function call(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  const response = await fetch(`/emulator/api/${path}`, options);
  const text = await response.text();
  const answer = text ? JSON.parse(text) : null;
  if (!response.ok) throw new Error(answer?.message ?? `${method} ${path} answered ${response.status}`);
  return answer;
}

async function act(done, ...request) {
  try {
    await call(...request);
    say(done);
    await refresh();
  } catch (error) {
    say(error.message);
  }
}

function say(text) {
  find("message").textContent = text;
}

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function userButton(user, label, action, pressed) {
  const button = element("button", label, { "aria-label": `${label}: ${user.displayName}` });
  if (pressed !== undefined) button.setAttribute("aria-pressed", String(pressed));
  button.addEventListener("click", () =>
    act(`${label}: ${user.userPrincipalName}`, "POST", `users/${user.objectId}/${action}`));
  return button;
}

function userRow(user) {
  const row = element("tr");
  const who = element("th", undefined, { scope: "row" });
  who.append(element("span", user.displayName, { class: "name" }), element("span", user.userPrincipalName, { class: "address" }));
  const state = element("td");
  const remarks = [
    user.guest && "Guest",
    user.disabled && "Disabled",
    user.mfaRequired && "Approval needed",
    user.consentWithdrawn && "No consent",
    user.tokensValidFrom && `Revoked ${time(user.tokensValidFrom)}`,
  ].filter(Boolean);
  state.append(...remarks.flatMap((remark) => [element("span", remark, { class: "badge" }), " "]));
  const buttons = element("div", undefined, { class: "row" });
  buttons.append(
    userButton(user, "Revoke sessions", "revoke"),
    userButton(user, "Require approval", user.mfaRequired ? "clear-mfa" : "require-mfa", user.mfaRequired),
    userButton(user, "Withdraw consent", user.consentWithdrawn ? "grant-consent" : "withdraw-consent", user.consentWithdrawn),
    userButton(user, "Disable", user.disabled ? "enable" : "disable", user.disabled),
  );
  const doing = element("td");
  doing.append(buttons);
  row.append(who, state, doing);
  return row;
}

function time(text) {
  return new Date(text).toLocaleTimeString();
}

function showState(state) {
  // Rows are rebuilt only when something changed, so that the keyboard focus stays where it is.
  const users = JSON.stringify(state.users);
  if (users !== shownUsers) {
    const focused = document.activeElement?.getAttribute("aria-label");
    shownUsers = users;
    find("users").replaceChildren(...state.users.map(userRow));
    if (focused) {
      [...find("users").querySelectorAll("button")].find((button) => button.getAttribute("aria-label") === focused)?.focus();
    }
  }
  const scenarios = state.scenarios;
  for (const set of document.querySelectorAll("fieldset[data-service]")) {
    const faults = scenarios[set.dataset.service];
    for (const button of set.querySelectorAll("button")) {
      const fault = button.dataset.fault;
      const on = fault === "delay" ? faults.delayMs > 0 : faults[fault] !== null;
      button.setAttribute("aria-pressed", String(on));
    }
  }
  find("strict-rotation").setAttribute("aria-pressed", String(scenarios.strictRotation));
  find("active").textContent = active(scenarios);
  const offset = state.clock.offsetSeconds ? ` (moved by ${state.clock.offsetSeconds} s)` : "";
  find("facts").textContent =
    `Signing keys, newest first: ${state.keys.join(", ")}. Clock: ${new Date(state.clock.now).toLocaleString()}${offset}.`;
}

function active(scenarios) {
  const on = [];
  for (const service of ["entra", "graph"]) {
    const { throttle, rate, fail, garbage, delayMs } = scenarios[service];
    const times = (fault) => (fault.count === null ? "always" : `${fault.count} more`);
    if (throttle) on.push(`${service}: throttled, ${times(throttle)}`);
    if (rate) on.push(`${service}: ${rate.perSecond} requests per second and tenant`);
    if (fail) on.push(`${service}: ${fail.status}, ${times(fail)}`);
    if (garbage) on.push(`${service}: nonsense, ${times(garbage)}`);
    if (delayMs) on.push(`${service}: ${delayMs} ms slower`);
  }
  if (scenarios.loopDetected) on.push("loop detected");
  if (scenarios.accessTokenLifetimeSeconds) on.push(`access tokens live ${scenarios.accessTokenLifetimeSeconds} s`);
  if (scenarios.tokenSizes) on.push("tokens are made longer");
  return on.length ? `On: ${on.join("; ")}` : "Nothing is switched on.";
}

function showCounters(counters) {
  const rows = Object.entries(counters).map(([kind, { total, ok, refused }]) => {
    const row = element("tr");
    row.append(element("th", kind, { scope: "row" }));
    for (const count of [total, ok, refused]) row.append(element("td", String(count), { class: "number" }));
    return row;
  });
  find("counters").replaceChildren(...rows);
}

function showLog(entries) {
  const rows = entries.toReversed().map((entry) => {
    const row = element("tr");
    const refused = entry.status >= 400 || entry.error;
    const answer = `${entry.status}${entry.error ? ` ${entry.error}` : ""}${entry.scenario ? " (scenario)" : ""}`;
    row.append(
      element("td", time(entry.time)),
      element("td", entry.kind),
      element("td", entry.user ?? "–"),
      element("td", answer, { class: refused ? "refused" : "ok" }),
      element("td", String(entry.ms), { class: "number" }),
      element("td", entry.throttlePriority ?? ""),
    );
    return row;
  });
  find("log").replaceChildren(...rows);
}

async function refresh() {
  const [state, counters, entries] = await Promise.all([call("GET", "state"), call("GET", "counters"), call("GET", "requests?limit=100")]);
  showState(state);
  showCounters(counters);
  showLog(entries);
}

async function poll() {
  if (!paused && !document.hidden) {
    try {
      await refresh();
      if (find("message").dataset.lost) {
        delete find("message").dataset.lost;
        say("");
      }
    } catch {
      find("message").dataset.lost = "yes";
      say("The emulator does not answer. Is it still running?");
    }
  }
  setTimeout(poll, PERIOD_MS);
}

function whole(input) {
  return input.value === "" ? null : Number(input.value);
}

for (const set of document.querySelectorAll("fieldset[data-service]")) {
  const service = set.dataset.service;
  const field = (name) => whole(set.querySelector(`[name=${name}]`));
  for (const button of set.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      const fault = button.dataset.fault;
      const off = button.getAttribute("aria-pressed") === "true";
      const retryAfterSeconds = field("retryAfterSeconds");
      const settings = {
        throttle: { throttle: { retryAfterSeconds, count: field("count") } },
        rate: { rate: { perSecond: field("perSecond"), retryAfterSeconds } },
        fail: { fail: { status: 500, count: field("count") } },
        garbage: { garbage: { count: field("count") } },
        delay: { delayMs: field("delayMs") },
      };
      const change = off ? { [fault === "delay" ? "delayMs" : fault]: null } : settings[fault];
      act(`${button.textContent}: ${off ? "off" : "on"}`, "PUT", "scenarios", { [service]: change });
    });
  }
}
find("strict-rotation").addEventListener("click", (event) => {
  const on = event.currentTarget.getAttribute("aria-pressed") !== "true";
  act(`Strict rotation: ${on ? "on" : "off"}`, "PUT", "scenarios", { strictRotation: on });
});
find("rotate-keys").addEventListener("click", () => act("New signing key", "POST", "keys/rotate"));
find("set-lifetime").addEventListener("click", () =>
  act("Access-token life set", "PUT", "scenarios", { accessTokenLifetimeSeconds: whole(find("lifetime")) }));
find("advance").addEventListener("click", () =>
  act("Clock moved", "POST", "clock/advance", { seconds: whole(find("seconds")) ?? 0 }));
find("reset").addEventListener("click", () => act("All scenarios are off", "DELETE", "scenarios"));
find("clear").addEventListener("click", () => act("Cleared", "DELETE", "requests"));
find("pause").addEventListener("click", (event) => {
  paused = !paused;
  event.currentTarget.setAttribute("aria-pressed", String(paused));
});
poll();
