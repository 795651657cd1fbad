import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { App } from "../app/App";
import type { Settings } from "../config/env";
import { type FakeMsal, fakeMsal } from "./fakeMsal";
import { API } from "./server";

export const settings: Settings = {
  apiBaseUrl: API,
  clientId: "00000000-0000-0000-0000-000000000001",
  authority: "https://login.test/tenant",
  apiScopes: ["api://api/Profile.ReadWrite", "api://api/Profile.Read"],
  knownAuthorities: [],
  authorityMetadata: null,
  environmentLabel: null,
  links: [],
};

interface Options {
  readonly path?: string;
  readonly msal?: FakeMsal;
  readonly problem?: unknown;
  readonly newSignIns?: Set<string>;
}

/** The whole app at an address, with MSAL faked and the API answered by `server`. */
export function renderApp({ path = "/", msal = fakeMsal(), problem = null, newSignIns = new Set() }: Options = {}) {
  window.history.replaceState(null, "", path);
  render(
    <App
      settings={settings}
      msal={{ instance: msal, problem, takeNewSignIn: (homeAccountId) => newSignIns.delete(homeAccountId) }}
    />,
  );
  return { msal, user: userEvent.setup() };
}
