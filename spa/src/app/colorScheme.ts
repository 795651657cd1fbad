import { useCallback, useSyncExternalStore } from "react";

export type ColorSchemeChoice = "system" | "light" | "dark";

export interface ColorScheme {
  readonly choice: ColorSchemeChoice;
  /** What the choice comes to now. */
  readonly effective: "light" | "dark";
  readonly choose: (choice: ColorSchemeChoice) => void;
}

const KEY = "color-scheme";
const CHANGED = "color-scheme-changed";

/** Follows the system until the user chooses otherwise; the choice is kept for this browser and shared by its tabs. */
export function useColorScheme(): ColorScheme {
  const choice = useSyncExternalStore(subscribeToChoice, storedChoice);
  const systemIsDark = useSyncExternalStore(subscribeToSystem, () => systemDark().matches);
  const choose = useCallback((next: ColorSchemeChoice) => {
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // Without storage the system's preference stays in force.
    }
    window.dispatchEvent(new Event(CHANGED));
  }, []);
  return { choice, effective: choice === "system" ? (systemIsDark ? "dark" : "light") : choice, choose };
}

function storedChoice(): ColorSchemeChoice {
  try {
    const stored = localStorage.getItem(KEY);
    return stored === "light" || stored === "dark" ? stored : "system";
  } catch {
    return "system";
  }
}

function subscribeToChoice(changed: () => void): () => void {
  window.addEventListener("storage", changed);
  window.addEventListener(CHANGED, changed);
  return () => {
    window.removeEventListener("storage", changed);
    window.removeEventListener(CHANGED, changed);
  };
}

function systemDark(): MediaQueryList {
  return window.matchMedia("(prefers-color-scheme: dark)");
}

function subscribeToSystem(changed: () => void): () => void {
  const query = systemDark();
  query.addEventListener("change", changed);
  return () => {
    query.removeEventListener("change", changed);
  };
}
