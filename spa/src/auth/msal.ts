import {
  type AccountInfo,
  type AuthenticationResult,
  BrowserCacheLocation,
  type Configuration,
  EventType,
  type IPublicClientApplication,
  InteractionType,
  LogLevel,
  PublicClientApplication,
} from "@azure/msal-browser";
import type { Settings } from "../config/env";
import { rememberAccount, rememberedAccount } from "./lastAccount";

/** A person signing in with a security key or an authenticator app needs longer than MSAL's minute. */
const POPUP_TIMEOUT_MS = 5 * 60 * 1000;

export interface StartedMsal {
  readonly instance: IPublicClientApplication;
  /** True once after each interactive sign-in of this account since the page was loaded, by redirect or pop-up. */
  readonly takeNewSignIn: (homeAccountId: string) => boolean;
  /** Why a sign-in by redirect failed, when this page load ends one that did. */
  readonly problem: unknown;
}

/** Builds MSAL, takes in the answer of a redirect under way, and chooses the account to show. */
export async function startMsal(settings: Settings, origin = window.location.origin): Promise<StartedMsal> {
  const instance = new PublicClientApplication(msalConfiguration(settings, origin));
  await instance.initialize();
  const newSignIns = followSignIns(instance);
  let returned: AuthenticationResult | null = null;
  let problem: unknown = null;
  try {
    returned = await instance.handleRedirectPromise();
  } catch (error) {
    problem = error;
  }
  instance.setActiveAccount(chooseAccount(instance, returned?.account));
  return { instance, problem, takeNewSignIn: (homeAccountId) => newSignIns.delete(homeAccountId) };
}

export function msalConfiguration(settings: Settings, origin: string): Configuration {
  return {
    auth: {
      clientId: settings.clientId,
      authority: settings.authority,
      knownAuthorities: [...settings.knownAuthorities],
      ...(settings.authorityMetadata && { authorityMetadata: JSON.stringify(settings.authorityMetadata) }),
      redirectUri: `${origin}/redirect.html`,
      postLogoutRedirectUri: `${origin}/`,
      // Says that this page can answer claims challenges, without which Entra ID does not send any.
      clientCapabilities: ["CP1"],
    },
    cache: {
      // Shared by all tabs, so one user has one API token here and not one per tab: each token costs the API an
      // On-Behalf-Of exchange. MSAL encrypts it with a key kept in a session cookie, so it ends with the browser session.
      cacheLocation: BrowserCacheLocation.LocalStorage,
    },
    system: {
      popupBridgeTimeout: POPUP_TIMEOUT_MS,
      loggerOptions: { logLevel: LogLevel.Error, piiLoggingEnabled: false, loggerCallback: ignoreLog },
    },
  };
}

/** Shows and remembers whoever signed in last. Returns the accounts that have signed in since, which grows and may be emptied. */
function followSignIns(instance: IPublicClientApplication): Set<string> {
  const newSignIns = new Set<string>();
  instance.addEventCallback(
    ({ payload, interactionType }) => {
      if (interactionType !== InteractionType.Silent && payload && "account" in payload && payload.account) {
        newSignIns.add(payload.account.homeAccountId);
        instance.setActiveAccount(payload.account);
      }
    },
    [EventType.LOGIN_SUCCESS, EventType.ACQUIRE_TOKEN_SUCCESS],
  );
  instance.addEventCallback(() => {
    const account = instance.getActiveAccount();
    if (account) {
      rememberAccount(account);
    }
  }, [EventType.ACTIVE_ACCOUNT_CHANGED]);
  return newSignIns;
}

function chooseAccount(
  instance: IPublicClientApplication,
  returned: AccountInfo | null | undefined,
): AccountInfo | null {
  const accounts = instance.getAllAccounts();
  const remembered = rememberedAccount();
  return (
    returned ??
    instance.getActiveAccount() ??
    accounts.find((account) => account.homeAccountId === remembered?.homeAccountId) ??
    accounts[0] ??
    null
  );
}

/** Failures reach the user through the thrown errors; a console copy would only add account names to it. */
function ignoreLog(): void {
  // Nothing to do.
}
