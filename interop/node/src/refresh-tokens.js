/** Which of several refresh tokens is the newest. A used-up one must never win: an authority may take each only once. */

import { compareTexts } from "./access-tokens.js";
import { LAST_SECOND, seconds, text } from "./entity.js";

/** @typedef {import("./entity.js").Entity} Entity */

const MODIFIED = "last_modification_time";

/**
 * User and client. Environment aliases do not make two refresh tokens out of one.
 *
 * @param {Entity} entity
 */
function owner(entity) {
  return JSON.stringify([text(entity, "home_account_id"), text(entity, "client_id")]).toLowerCase();
}

/**
 * Of each owner's refresh tokens, as they stand in one file, the newest, with its time written down.
 *
 * Where a library that keeps no time stored a token, its place tells: one that stands after others was added later. Alone
 * in its file it is as old as the newest access token, because both come in one answer; without one it is older than any
 * that has a time.
 *
 * @param {Entity[]} inFileOrder
 * @param {Entity[]} accessTokens
 * @returns {Entity[]}
 */
export function newestOfEachOwner(inFileOrder, accessTokens) {
  return [...new Set(inFileOrder.map(owner))].map((one) => {
    const answers = accessTokens
      .filter((entity) => owner(entity) === one)
      .map((entity) => seconds(entity, "cached_at"));
    const answered = Math.max(0, ...answers.filter((time) => time !== undefined));
    const tokens = inFileOrder.filter((entity) => owner(entity) === one);
    const someHaveTimes = tokens.some((entity) => seconds(entity, MODIFIED) !== undefined);
    /** @type {number | undefined} */
    let latest;
    const dated = tokens.map((entity) => {
      const placed = latest === undefined ? (someHaveTimes ? 0 : answered) : Math.max(after(latest), answered);
      const time = seconds(entity, MODIFIED) ?? placed;
      latest = Math.max(latest ?? time, time);
      return { ...entity, [MODIFIED]: String(time) };
    });
    const newest = dated.reduce((best, entity) => (rank(best) > rank(entity) ? best : entity));
    return newest;
  });
}

/**
 * Of each owner's versions in two files the newer. At the same second the secret decides, so that the order of merging
 * does not.
 *
 * @param {Entity[]} left
 * @param {Entity[]} right
 */
export function newestOfBoth(left, right) {
  /** @type {Map<string, Entity>} */
  const merged = new Map();
  for (const entity of [...left, ...right]) {
    const present = merged.get(owner(entity));
    merged.set(owner(entity), present ? newer(present, entity) : entity);
  }
  return [...merged.values()];
}

/**
 * @param {Entity} left
 * @param {Entity} right
 */
export function newer(left, right) {
  const difference = rank(left) - rank(right) || compareTexts(text(left, "secret"), text(right, "secret"));
  if (difference === 0) return { ...left, ...right };
  return difference > 0 ? left : right;
}

/**
 * A token that takes the place of others, dated after them, even where the clock of the environment that stored them is
 * ahead: of a chain of renewals the last one so wins every merge.
 *
 * @param {Entity} entity
 * @param {number} now Seconds since the epoch.
 * @param {Entity[]} replaced
 * @returns {Entity}
 */
export function dated(entity, now, replaced) {
  const times = replaced.map((other) => seconds(other, MODIFIED)).filter((time) => time !== undefined);
  return { ...entity, [MODIFIED]: String(Math.max(now, ...times.map(after))) };
}

/** One without a secret is older than any that has one. @param {Entity} entity */
function rank(entity) {
  return (text(entity, "secret") === undefined ? -2 * LAST_SECOND : 0) + (seconds(entity, MODIFIED) ?? 0);
}

/** Just later, and still a time. @param {number} time */
function after(time) {
  return Math.min(time + 1, LAST_SECOND);
}
