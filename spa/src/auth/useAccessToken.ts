import type { IPublicClientApplication } from "@azure/msal-browser";
import { useMsal } from "@azure/msal-react";
import { useMemo } from "react";
import { SignInRequiredError, fromSilentFailure } from "./errors";

export interface TokenOptions {
  /** Skip the cache: the API has refused the cached token. */
  readonly forceRefresh?: boolean;
}

/** Gets a token for the API without troubling the user. */
export type GetAccessToken = (options?: TokenOptions) => Promise<string>;

/**
 * A function that gets tokens for one account. It stays the same for as long as the account does, also across its sign-ins.
 *
 * It rejects with `SignInRequiredError` when only the user can help. It never starts an interaction by itself: a page that
 * redirects on its own can do so for ever.
 */
export function useAccessToken(homeAccountId: string, scopes: readonly string[]): GetAccessToken {
  const { instance } = useMsal();
  return useMemo(() => accessTokenFor(instance, homeAccountId, scopes), [instance, homeAccountId, scopes]);
}

export function accessTokenFor(
  instance: IPublicClientApplication,
  homeAccountId: string,
  scopes: readonly string[],
): GetAccessToken {
  return async ({ forceRefresh = false } = {}) => {
    const account = instance.getAccount({ homeAccountId });
    if (!account) {
      // Signed out in another tab.
      throw new SignInRequiredError();
    }
    try {
      const result = await instance.acquireTokenSilent({ account, scopes: [...scopes], forceRefresh });
      return result.accessToken;
    } catch (error) {
      throw fromSilentFailure(error);
    }
  };
}
