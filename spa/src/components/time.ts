import { useSyncExternalStore } from "react";

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const absolute = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });

/**
 * "3 minutes ago", "in 2 hours". Within a minute: "just now" or "in under a minute", as seconds would only flicker.
 *
 * The server's clock and this one need not agree: what has happened but seems to lie ahead by more than a minute has no
 * relative time (null), and what is to come but seems to be over is "due now".
 */
export function relativeTime(at: Date, now: Date, kind: "past" | "coming"): string | null {
  const seconds = (at.getTime() - now.getTime()) / 1000;
  if (kind === "coming" && seconds <= 0) {
    return "due now";
  }
  if (kind === "past" && seconds >= 60) {
    return null;
  }
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) {
      return relative.format(Math.trunc(seconds / length), unit);
    }
  }
  return kind === "coming" ? "in under a minute" : "just now";
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
