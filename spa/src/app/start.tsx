import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { startMsal } from "../auth/msal";
import type { Settings } from "../config/env";
import { App } from "./App";

/** Initialises MSAL, then shows the app. Rejects when MSAL cannot start. */
export async function start(settings: Settings, root: HTMLElement): Promise<void> {
  const msal = await startMsal(settings);
  createRoot(root).render(
    <StrictMode>
      <App settings={settings} msal={msal} />
    </StrictMode>,
  );
}
