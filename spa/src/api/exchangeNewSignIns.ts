import type { ApiClient } from "./client";

/**
 * Lets a new sign-in take effect before the background access is read.
 *
 * The service learns of a sign-in when it exchanges the user's token, and it does so to read the profile. A user who was
 * parked and signs in again on the background page would otherwise go on seeing that they are needed.
 *
 * @param takeNewSignIn true once after each sign-in. Its profile read may fail: the status that follows tells the outcome.
 */
export function exchangeNewSignIns(api: ApiClient, takeNewSignIn: () => boolean): ApiClient {
  let exchange: Promise<unknown> = Promise.resolve();
  return {
    ...api,
    profile: (signal) => {
      takeNewSignIn();
      return api.profile(signal);
    },
    backgroundAccess: async (signal) => {
      if (takeNewSignIn()) {
        exchange = api.profile().catch(() => undefined);
      }
      await exchange;
      return api.backgroundAccess(signal);
    },
  };
}
