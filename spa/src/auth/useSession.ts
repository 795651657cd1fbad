import type { AccountInfo, IPublicClientApplication } from "@azure/msal-browser";
import { useAccount, useMsal } from "@azure/msal-react";
import { useMemo } from "react";
import { isPopupBlocked } from "./errors";
import { forgetAccount, rememberedAccount } from "./lastAccount";

export type SignInMethod = "redirect" | "popup";

export interface SignInOptions {
  readonly method: SignInMethod;
  /** Who is expected to sign in. Entra ID fills in the name. */
  readonly loginHint?: string | undefined;
  /** Let the user choose among the accounts Entra ID knows, or use another. */
  readonly chooseAccount?: boolean;
  /** Ask for the permissions again: without it Entra ID may sign the user in and leave the missing one out. */
  readonly askConsent?: boolean;
  /** JSON of a claims challenge to answer. */
  readonly claims?: string | null;
}

export interface Session {
  readonly account: AccountInfo | null;
  readonly accounts: readonly AccountInfo[];
  /** Resolves when the user is signed in (pop-up), or never, as the page is left (redirect). Rejects with MSAL's error. */
  readonly signIn: (options: SignInOptions) => Promise<void>;
  /** Signs `account` out here and at Entra ID. The page is left. */
  readonly signOut: (account: AccountInfo) => Promise<void>;
  readonly switchTo: (account: AccountInfo) => void;
}

/** The signed-in accounts and what can be done with them. Call `signIn` and `signOut` on a user's click only. */
export function useSession(scopes: readonly string[]): Session {
  const { instance, accounts } = useMsal();
  const account = useAccount();
  return useMemo(
    () => ({
      account,
      accounts,
      signIn: (options) => signIn(instance, scopes, options),
      signOut: (leaving) => signOut(instance, leaving),
      switchTo: (next) => {
        instance.setActiveAccount(next);
      },
    }),
    [instance, account, accounts, scopes],
  );
}

export async function signIn(
  instance: IPublicClientApplication,
  scopes: readonly string[],
  { method, loginHint, chooseAccount = false, askConsent = false, claims }: SignInOptions,
): Promise<void> {
  const request = {
    // Asking for the API's scopes here means one consent and a token that is ready when the page needs it.
    scopes: [...scopes],
    ...(loginHint && { loginHint }),
    ...(chooseAccount && { prompt: "select_account" }),
    ...(askConsent && { prompt: "consent" }),
    ...(claims && { claims }),
  };
  if (method === "popup") {
    try {
      // The override lets a user who closed the window click again; MSAL cannot see that it was closed.
      await instance.acquireTokenPopup({ ...request, overrideInteractionInProgress: true });
      return;
    } catch (error) {
      if (!isPopupBlocked(error)) {
        throw error;
      }
      // The browser blocks pop-ups here. The user asked to sign in, so do it on this page.
    }
  }
  await instance.acquireTokenRedirect(request);
}

export async function signOut(instance: IPublicClientApplication, account: AccountInfo): Promise<void> {
  if (rememberedAccount()?.homeAccountId === account.homeAccountId) {
    forgetAccount();
  }
  await instance.logoutRedirect({ account });
}
