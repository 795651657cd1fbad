import { BrowserAuthError, BrowserAuthErrorCodes, ServerError } from "@azure/msal-browser";
import { render, screen, waitFor } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { expect, test } from "vitest";
import { rememberAccount } from "../auth/lastAccount";
import { SettingsError } from "../config/env";
import { adele, bruno, fakeMsal } from "../testing/fakeMsal";
import { renderApp, settings } from "../testing/renderApp";
import { API, profile, server } from "../testing/server";
import { CannotStartPage } from "./CannotStartPage";

test("a visitor chooses how to sign in, and nothing starts by itself", async () => {
  const { msal, user } = renderApp({ msal: fakeMsal([]) });
  await user.click(await screen.findByRole("button", { name: "Sign in" }));
  expect(msal.acquireTokenRedirect).toHaveBeenCalledExactlyOnceWith({ scopes: settings.apiScopes });
  expect(msal.acquireTokenPopup).not.toHaveBeenCalled();
  await user.click(screen.getByRole("button", { name: "Sign in with a pop-up" }));
  expect(await screen.findByRole("region", { name: "Adele Vance" })).toBeVisible();
});

test("the last account is one click away", async () => {
  rememberAccount(adele);
  const { msal, user } = renderApp({ msal: fakeMsal([]) });
  await user.click(await screen.findByRole("button", { name: `Continue as ${adele.username}` }));
  expect(msal.acquireTokenRedirect).toHaveBeenCalledWith({ scopes: settings.apiScopes, loginHint: adele.username });
});

test("a pop-up that was cancelled, and a redirect that failed, are told", async () => {
  const msal = fakeMsal([]);
  msal.acquireTokenPopup.mockRejectedValue(new BrowserAuthError(BrowserAuthErrorCodes.userCancelled, ""));
  const { user } = renderApp({ msal, problem: new ServerError("server_error", "", "AADSTS90033: A transient error.") });
  expect(await screen.findByText(/AADSTS90033: A transient error\. \(server_error\)/)).toBeVisible();
  await user.click(screen.getByRole("button", { name: "Sign in with a pop-up" }));
  expect(await screen.findByText("Sign-in was cancelled")).toBeVisible();
  expect(screen.queryByText(/AADSTS90033/)).toBeNull();
});

test("switching accounts shows the other's profile, asked for with the other's token", async () => {
  server.use(
    http.get(`${API}/api/profile`, ({ request }) =>
      HttpResponse.json({ ...profile, displayName: request.headers.get("Authorization") }),
    ),
  );
  const { user } = renderApp({ msal: fakeMsal([adele, bruno]) });
  expect(await screen.findByRole("region", { name: `Bearer token of ${adele.username}` })).toBeVisible();
  await user.click(screen.getByRole("button", { name: /^Account: ?Adele$/ }));
  await user.click(await screen.findByRole("menuitemradio", { name: new RegExp(bruno.username) }));
  expect(await screen.findByRole("region", { name: `Bearer token of ${bruno.username}` })).toBeVisible();
  expect(screen.queryByText(`Bearer token of ${adele.username}`)).toBeNull();
});

test("signing out names the account that leaves", async () => {
  const { msal, user } = renderApp();
  await user.click(await screen.findByRole("button", { name: /^Account: ?Adele$/ }));
  await user.click(await screen.findByRole("menuitem", { name: `Sign out ${adele.username}` }));
  expect(msal.logoutRedirect).toHaveBeenCalledExactlyOnceWith({ account: adele });
});

test("navigation moves the focus to the new page's heading and names the page", async () => {
  const { user } = renderApp();
  await screen.findByRole("region", { name: "Adele Vance" });
  expect(document.body).toHaveFocus();
  await user.click(screen.getByRole("link", { name: "ID token" }));
  const heading = await screen.findByRole("heading", { level: 1, name: "ID token" });
  await waitFor(() => {
    expect(heading).toHaveFocus();
  });
  expect(document.title).toBe("ID token · Shared token cache");
  expect(screen.getByRole("link", { name: "ID token" })).toHaveAttribute("aria-current", "page");
  expect(screen.getByRole("rowheader", { name: "preferred_username" })).toBeVisible();
});

test("the theme follows the choice and is kept", async () => {
  const { user } = renderApp();
  await user.click(await screen.findByRole("button", { name: "Theme" }));
  await user.click(await screen.findByRole("menuitemradio", { name: "Dark" }));
  expect(document.documentElement.style.colorScheme).toBe("dark");
  expect(localStorage.getItem("color-scheme")).toBe("dark");
});

test("an unknown address says so", async () => {
  renderApp({ path: "/nowhere" });
  expect(await screen.findByRole("heading", { name: "There is no such page" })).toBeVisible();
});

test("settings that cannot be used are listed in full", () => {
  render(<CannotStartPage error={new SettingsError(["clientId: expected a GUID.", "apiScopes: expected a list."])} />);
  expect(screen.getAllByRole("listitem").map((item) => item.textContent)).toEqual([
    "clientId: expected a GUID.",
    "apiScopes: expected a list.",
  ]);
});
