import { InteractionRequiredAuthError } from "@azure/msal-browser";
import { screen, within } from "@testing-library/react";
import { HttpResponse, delay, http } from "msw";
import { expect, test } from "vitest";
import { adele, fakeMsal } from "../../testing/fakeMsal";
import { renderApp, settings } from "../../testing/renderApp";
import { API, problem, profile, server } from "../../testing/server";

const PROFILE = `${API}/api/profile`;

test("shows that it loads, then the profile", async () => {
  server.use(
    http.get(PROFILE, async () => {
      await delay(20);
      return HttpResponse.json(profile);
    }),
  );
  renderApp();
  expect(await screen.findByLabelText("Loading your profile")).toHaveAttribute("aria-busy", "true");
  const card = await screen.findByRole("region", { name: "Adele Vance" });
  for (const value of ["Retail Manager, Retail", "adele@lakeside.example", "Zurich", "Switzerland", "10234"]) {
    expect(within(card).getByText(value)).toBeVisible();
  }
  expect(document.title).toBe("Your profile · Shared token cache");
});

test("copes with a directory that knows next to nothing", async () => {
  server.use(
    http.get(PROFILE, () =>
      HttpResponse.json({
        ...Object.fromEntries(Object.keys(profile).map((key) => [key, null])),
        userPrincipalName: "farid@lakeside.example",
      }),
    ),
  );
  renderApp();
  const card = await screen.findByRole("region", { name: "farid@lakeside.example" });
  expect(within(card).getAllByText("Not set")).toHaveLength(7);
});

test("answers a claims challenge on the user's click, then calls again", async () => {
  const claims = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
  let challenged = true;
  server.use(
    http.get(PROFILE, () =>
      challenged
        ? problem(401, {}, { "WWW-Authenticate": `Bearer error="insufficient_claims", claims="${btoa(claims)}"` })
        : HttpResponse.json(profile),
    ),
  );
  const { msal, user } = renderApp();
  msal.acquireTokenPopup.mockImplementation(() => {
    challenged = false;
    return Promise.resolve(msal.signedInAs(adele));
  });
  expect(await screen.findByText("Sign in again", { selector: "h2" })).toBeVisible();
  expect(msal.acquireTokenPopup).not.toHaveBeenCalled();

  await user.click(screen.getByRole("button", { name: "Sign in again" }));
  expect(await screen.findByRole("region", { name: "Adele Vance" })).toBeVisible();
  expect(msal.acquireTokenPopup).toHaveBeenCalledExactlyOnceWith({
    scopes: settings.apiScopes,
    loginHint: adele.username,
    claims,
    overrideInteractionInProgress: true,
  });
});

test("asks for a sign-in when no token can be had silently", async () => {
  const msal = fakeMsal();
  msal.acquireTokenSilent.mockRejectedValueOnce(new InteractionRequiredAuthError("invalid_grant", "", "AADSTS50173"));
  const { user } = renderApp({ msal });
  await user.click(await screen.findByRole("button", { name: "Sign in again" }));
  expect(await screen.findByRole("region", { name: "Adele Vance" })).toBeVisible();
});

test("shows the wait that a busy API asks for", async () => {
  server.use(
    http.get(PROFILE, () => problem(429, { detail: "Slow down.", code: "throttled" }, { "Retry-After": "30" })),
  );
  renderApp();
  expect(await screen.findByText("Too many requests just now")).toBeVisible();
  expect(screen.getByText("throttled")).toBeVisible();
  expect(screen.getByRole("button", { name: "Try again" })).toHaveAttribute("aria-disabled", "true");
  expect(screen.getByText("in 30 seconds")).toBeVisible();
});

test("an API that cannot be reached can be tried again", async () => {
  server.use(http.get(PROFILE, () => HttpResponse.error(), { once: true }));
  const { user } = renderApp();
  expect(await screen.findByText("The API cannot be reached")).toBeVisible();
  await user.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByRole("region", { name: "Adele Vance" })).toBeVisible();
  expect(screen.queryByText("The API cannot be reached")).toBeNull();
});

test("a refusal says why, and offers no button that cannot help", async () => {
  server.use(
    http.get(PROFILE, () => problem(403, { detail: "Your tenant is not allowed.", code: "tenant_not_allowed" })),
  );
  renderApp();
  expect(await screen.findByText("You do not have access")).toBeVisible();
  expect(screen.getByText(/Your tenant is not allowed\./)).toBeVisible();
  expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
});
