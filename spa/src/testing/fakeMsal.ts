import {
  type AccountInfo,
  type AuthenticationResult,
  type EventCallbackFunction,
  type EventMessage,
  EventType,
  type IPublicClientApplication,
  InteractionType,
  Logger,
  stubbedPublicClientApplication,
} from "@azure/msal-browser";
import { vi } from "vitest";

export function account(name: string, id: string): AccountInfo {
  const username = `${name.toLowerCase()}@lakeside.example`;
  return {
    homeAccountId: `${id}.tenant`,
    environment: "login.test",
    tenantId: "tenant",
    username,
    localAccountId: id,
    name,
    idTokenClaims: { name, preferred_username: username, oid: id, iat: 1_795_000_000 },
  };
}

export const adele = account("Adele", "1");
export const bruno = account("Bruno", "2");

/**
 * Stands in for MSAL at its own interface. What a test does not set up fails as MSAL's stub does.
 * The real MSAL runs in the browser journeys (`e2e/`).
 */
export function fakeMsal(signedIn: readonly AccountInfo[] = [adele]) {
  const accounts = [...signedIn];
  const callbacks = new Map<string, EventCallbackFunction>();
  let activeAccount: AccountInfo | null = accounts[0] ?? null;
  const tell = (message: Partial<EventMessage>) => {
    for (const callback of callbacks.values()) {
      callback({
        interactionType: null,
        payload: null,
        error: null,
        correlationId: "",
        timestamp: 0,
        ...message,
      } as EventMessage);
    }
  };
  const setActiveAccount = (next: AccountInfo | null) => {
    activeAccount = next;
    tell({ eventType: EventType.ACTIVE_ACCOUNT_CHANGED });
  };
  const signedInAs = (user: AccountInfo): AuthenticationResult => {
    if (!accounts.some(({ homeAccountId }) => homeAccountId === user.homeAccountId)) {
      accounts.push(user);
    }
    const result = { account: user, accessToken: `token of ${user.username}` } as AuthenticationResult;
    setActiveAccount(user);
    tell({ eventType: EventType.LOGIN_SUCCESS, interactionType: InteractionType.Popup, payload: result });
    return result;
  };

  const msal = {
    ...stubbedPublicClientApplication,
    initialize: () => Promise.resolve(),
    handleRedirectPromise: () => Promise.resolve(null),
    initializeWrapperLibrary: () => undefined,
    getLogger: () => new Logger({}),
    addEventCallback: (callback: EventCallbackFunction) => {
      const id = String(callbacks.size + 1);
      callbacks.set(id, callback);
      return id;
    },
    removeEventCallback: (id: string) => {
      callbacks.delete(id);
    },
    getAllAccounts: () => accounts,
    getAccount: ({ homeAccountId }: { homeAccountId?: string }) =>
      accounts.find((known) => known.homeAccountId === homeAccountId) ?? null,
    getActiveAccount: () => activeAccount,
    setActiveAccount,
    acquireTokenSilent: vi.fn<IPublicClientApplication["acquireTokenSilent"]>((request) =>
      Promise.resolve({
        account: request.account,
        accessToken: request.forceRefresh ? "fresh token" : `token of ${request.account?.username ?? ""}`,
      } as AuthenticationResult),
    ),
    acquireTokenPopup: vi.fn<IPublicClientApplication["acquireTokenPopup"]>(() => Promise.resolve(signedInAs(adele))),
    acquireTokenRedirect: vi.fn<IPublicClientApplication["acquireTokenRedirect"]>(() => Promise.resolve()),
    logoutRedirect: vi.fn<IPublicClientApplication["logoutRedirect"]>(() => Promise.resolve()),
    /** What happens inside MSAL when an interactive sign-in of `user` succeeds. */
    signedInAs,
  };
  return msal satisfies IPublicClientApplication;
}

export type FakeMsal = ReturnType<typeof fakeMsal>;
