import { useSyncExternalStore } from "react";

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const absolute = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });

/** "3 minutes ago", "in 2 hours". Within a minute: "just now" or "in under a minute", as seconds would only flicker. */
export function relativeTime(at: Date, now: Date): string {
  const seconds = (at.getTime() - now.getTime()) / 1000;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) {
      return relative.format(Math.trunc(seconds / length), unit);
    }
  }
  return seconds > 0 ? "in under a minute" : "just now";
}

/** In the reader's time zone, to the second. */
export function absoluteTime(at: Date): string {
  return absolute.format(at);
}

/** Milliseconds since 1970, changing every `stepMs` at most; a component that uses it is drawn anew at each step. */
export function useNow(stepMs: number): number {
  return useSyncExternalStore(
    (changed) => {
      const timer = setInterval(changed, stepMs);
      return () => {
        clearInterval(timer);
      };
    },
    () => Math.floor(Date.now() / stepMs) * stepMs,
  );
}
