import {
  BrowserAuthError,
  BrowserAuthErrorCodes,
  InteractionRequiredAuthError,
  ServerError,
} from "@azure/msal-browser";
import { describe, expect, test } from "vitest";
import { adele, fakeMsal } from "../testing/fakeMsal";
import { settings } from "../testing/renderApp";
import { SignInRequiredError, describeSignInProblem } from "./errors";
import { rememberAccount, rememberedAccount } from "./lastAccount";
import { msalConfiguration } from "./msal";
import { accessTokenFor } from "./useAccessToken";
import { signIn, signOut } from "./useSession";

const SCOPES = ["api://api/Profile.Read"];
const browserError = (code: string) => new BrowserAuthError(code, "");

describe("accessTokenFor", () => {
  test("asks MSAL silently, past its cache when told to", async () => {
    const msal = fakeMsal();
    const getToken = accessTokenFor(msal, adele.homeAccountId, SCOPES);
    expect(await getToken()).toBe(`token of ${adele.username}`);
    expect(await getToken({ forceRefresh: true })).toBe("fresh token");
    expect(msal.acquireTokenSilent).toHaveBeenLastCalledWith({ account: adele, scopes: SCOPES, forceRefresh: true });
  });

  test("says that the user is needed, with the claims Entra ID names, and starts nothing by itself", async () => {
    const msal = fakeMsal();
    const error = new InteractionRequiredAuthError("interaction_required", "", "AADSTS50076", "", "", "", '{"a":1}');
    msal.acquireTokenSilent.mockRejectedValue(error);
    await expect(accessTokenFor(msal, adele.homeAccountId, SCOPES)()).rejects.toMatchObject({
      name: "SignInRequiredError",
      claims: '{"a":1}',
    });
    expect(msal.acquireTokenPopup).not.toHaveBeenCalled();
    expect(msal.acquireTokenRedirect).not.toHaveBeenCalled();
  });

  test("treats a silent frame without answer, and an account that is gone, as a needed sign-in", async () => {
    const msal = fakeMsal();
    msal.acquireTokenSilent.mockRejectedValue(browserError(BrowserAuthErrorCodes.timedOut));
    await expect(accessTokenFor(msal, adele.homeAccountId, SCOPES)()).rejects.toBeInstanceOf(SignInRequiredError);
    await expect(accessTokenFor(fakeMsal([]), adele.homeAccountId, SCOPES)()).rejects.toBeInstanceOf(
      SignInRequiredError,
    );
  });

  test("passes other failures on as they are", async () => {
    const msal = fakeMsal();
    const outage = new ServerError("temporarily_unavailable", "", "AADSTS90033");
    msal.acquireTokenSilent.mockRejectedValue(outage);
    await expect(accessTokenFor(msal, adele.homeAccountId, SCOPES)()).rejects.toBe(outage);
  });
});

describe("signIn", () => {
  test("sends hint, prompt and claims only when given", async () => {
    const msal = fakeMsal();
    await signIn(msal, SCOPES, { method: "redirect" });
    expect(msal.acquireTokenRedirect).toHaveBeenLastCalledWith({ scopes: SCOPES });
    await signIn(msal, SCOPES, { method: "redirect", loginHint: "a@b.c", chooseAccount: true, claims: "{}" });
    expect(msal.acquireTokenRedirect).toHaveBeenLastCalledWith({
      scopes: SCOPES,
      loginHint: "a@b.c",
      prompt: "select_account",
      claims: "{}",
    });
  });

  test("goes on by redirect where pop-ups are blocked", async () => {
    const msal = fakeMsal();
    msal.acquireTokenPopup.mockRejectedValue(browserError(BrowserAuthErrorCodes.popupWindowError));
    await signIn(msal, SCOPES, { method: "popup", claims: "{}" });
    expect(msal.acquireTokenRedirect).toHaveBeenCalledWith({ scopes: SCOPES, claims: "{}" });
  });

  test("does not redirect when the user cancels the pop-up", async () => {
    const msal = fakeMsal();
    const cancelled = browserError(BrowserAuthErrorCodes.userCancelled);
    msal.acquireTokenPopup.mockRejectedValue(cancelled);
    await expect(signIn(msal, SCOPES, { method: "popup" })).rejects.toBe(cancelled);
    expect(msal.acquireTokenRedirect).not.toHaveBeenCalled();
  });
});

test("signing out forgets the account that is offered next time, and no other", async () => {
  const msal = fakeMsal();
  rememberAccount({ homeAccountId: "other", username: "other@lakeside.example" });
  await signOut(msal, adele);
  expect(rememberedAccount()?.homeAccountId).toBe("other");
  rememberAccount(adele);
  expect(JSON.parse(localStorage.getItem("last-account") ?? "")).toEqual({
    homeAccountId: adele.homeAccountId,
    username: adele.username,
  });
  await signOut(msal, adele);
  expect(rememberedAccount()).toBeNull();
  expect(msal.logoutRedirect).toHaveBeenCalledWith({ account: adele });
});

test.each(["", "5", "{}", '{"homeAccountId":1,"username":"x"}', "{"])(
  "a remembered account that reads %j is none",
  (text) => {
    localStorage.setItem("last-account", text);
    expect(rememberedAccount()).toBeNull();
  },
);

describe("describeSignInProblem", () => {
  test("cancelling is no alarm", () => {
    expect(describeSignInProblem(browserError(BrowserAuthErrorCodes.userCancelled))).toMatchObject({ cancelled: true });
    expect(describeSignInProblem(new ServerError("access_denied", "", "AADSTS65004"))).toMatchObject({
      cancelled: true,
    });
  });

  test("an outage is told from a refusal", () => {
    expect(describeSignInProblem(browserError(BrowserAuthErrorCodes.postRequestFailed)).title).toContain("reached");
    expect(
      describeSignInProblem(
        new ServerError("invalid_request", "", "AADSTS50011: The redirect URI differs. Trace ID: 1"),
      ).detail,
    ).toBe("AADSTS50011: The redirect URI differs. (invalid_request)");
    expect(
      describeSignInProblem(
        new ServerError("server_error", "", "Error(s): 90033 - Timestamp: now - Description: AADSTS90033: A fault."),
      ).detail,
    ).toBe("AADSTS90033: A fault. (server_error)");
  });
});

test("MSAL is told of the redirect page and, as a text, of the authority's endpoints", () => {
  const authorityMetadata = {
    authorization_endpoint: "http://localhost:3002/a",
    token_endpoint: "http://localhost:3002/t",
    issuer: "i",
    jwks_uri: "http://localhost:3002/k",
  };
  const { auth } = msalConfiguration({ ...settings, authorityMetadata }, "http://localhost:3000");
  expect(auth.redirectUri).toBe("http://localhost:3000/redirect.html");
  expect(JSON.parse(auth.authorityMetadata ?? "")).toEqual(authorityMetadata);
  expect(msalConfiguration(settings, "http://localhost:3000").auth).not.toHaveProperty("authorityMetadata");
});
