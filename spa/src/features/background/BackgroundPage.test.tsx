import { screen, waitFor, within } from "@testing-library/react";
import type { UserEvent } from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { describe, expect, test } from "vitest";
import type { BackgroundAccess } from "../../api/types";
import { adele } from "../../testing/fakeMsal";
import { renderApp } from "../../testing/renderApp";
import { API, active, problem, profile, server } from "../../testing/server";

const BACKGROUND = `${API}/api/background-access`;

const needsUser: BackgroundAccess = {
  ...active,
  status: "needs_user",
  nextSweep: null,
  failure: {
    class: "user_needed",
    code: "AADSTS50076",
    suberror: "basic_action",
    message: "AADSTS50076: You must use multi-factor authentication.",
    claims: btoa('{"access_token":{"capolids":{"essential":true,"values":["c1"]}}}'),
    at: "2026-11-22T10:01:00Z",
    attempts: 1,
  },
};

const none: BackgroundAccess = {
  status: "none",
  lastActivity: null,
  lastSweep: null,
  nextSweep: null,
  failure: null,
  profile: null,
};

function answering(access: BackgroundAccess) {
  server.use(http.get(BACKGROUND, () => HttpResponse.json(access)));
}

function show() {
  return renderApp({ path: "/background" });
}

const badge = async (name: string) => {
  expect(await screen.findByText(name)).toBeVisible();
};

describe("each status", () => {
  test("active: when it was, when it will be, and the profile as last seen", async () => {
    show();
    await badge("Active");
    const panel = screen.getByRole("region", { name: "The service can act for you" });
    expect(panel.querySelectorAll("time")).toHaveLength(3);
    expect(within(panel).getByText("Profile refreshed; something had changed")).toBeVisible();
    expect(screen.getByRole("region", { name: "Your profile as the service last saw it" })).toHaveTextContent(
      "Adele Vance",
    );
    expect(screen.queryByRole("button", { name: "Sign in again" })).toBeNull();
  });

  test("failing: it retries by itself and says why", async () => {
    answering({
      ...active,
      status: "failing",
      failure: {
        ...needsUser.failure,
        class: "unavailable",
        code: null,
        suberror: null,
        claims: null,
        message: "Graph is down.",
        at: "",
        attempts: 3,
      },
    });
    show();
    await badge("Retrying");
    expect(screen.getByText("Graph is down.")).toBeVisible();
    expect(screen.getByText("unavailable · 3 attempts")).toBeVisible();
    expect(screen.queryByRole("button", { name: "Sign in again" })).toBeNull();
  });

  test("none: nothing is kept, so there is nothing to stop", async () => {
    answering(none);
    show();
    await badge("Off");
    expect(screen.queryByRole("button", { name: "Stop acting for me" })).toBeNull();
    expect(screen.queryByText("Next turn")).toBeNull();
  });

  test("needs you: the reason, and no button where a sign-in cannot help", async () => {
    answering({ ...needsUser, failure: { ...needsUser.failure, code: "AADSTS50057", suberror: null } as never });
    show();
    await badge("Needs you");
    expect(screen.getByText(/Your account is disabled/)).toBeVisible();
    expect(screen.getByText("Not planned")).toBeVisible();
    expect(screen.queryByRole("button", { name: "Sign in again" })).toBeNull();
  });
});

test("needs you: signing in sends the claims, exchanges the new token and shows the new status", async () => {
  let state = needsUser;
  const newSignIns = new Set<string>();
  server.use(
    http.get(BACKGROUND, () => HttpResponse.json(state)),
    http.get(`${API}/api/profile`, () => {
      state = active;
      return HttpResponse.json(profile);
    }),
  );
  const { msal, user } = renderApp({ path: "/background", newSignIns });
  msal.acquireTokenPopup.mockImplementation(() => {
    newSignIns.add(adele.homeAccountId);
    return Promise.resolve(msal.signedInAs(adele));
  });
  expect(await screen.findByText("Your organisation now asks for a second factor.")).toBeVisible();
  expect(screen.getByText("After you sign in")).toBeVisible();

  await user.click(screen.getByRole("button", { name: "Sign in again" }));
  await badge("Active");
  expect(screen.getByText("Status is now Active. The service can act for you.")).toHaveAttribute("role", "status");
  expect(msal.acquireTokenPopup).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ claims: '{"access_token":{"capolids":{"essential":true,"values":["c1"]}}}' }),
  );
});

describe("stop acting for me", () => {
  // Fluent decides by layout what an open dialog hides from assistive technology. jsdom has none, so that the dialog itself
  // may count as hidden; the journeys look at it in a browser.
  const hidden = true;

  async function openDialog(user: UserEvent) {
    await user.click(await screen.findByRole("button", { name: "Stop acting for me" }));
    const dialog = await screen.findByRole("dialog", { hidden });
    return {
      dialog,
      press: async (name: string) => {
        await user.click(within(dialog).getByRole("button", { name, hidden }));
      },
    };
  }

  const closed = () =>
    waitFor(() => {
      expect(screen.queryByRole("dialog", { hidden })).toBeNull();
    });

  test("asks first; cancelling changes nothing", async () => {
    let deleted = false;
    server.use(
      http.delete(BACKGROUND, () => {
        deleted = true;
        return new HttpResponse(null, { status: 204 });
      }),
    );
    const { user } = show();
    const { press } = await openDialog(user);
    await press("Cancel");
    await closed();
    expect(deleted).toBe(false);
  });

  test("erases, then shows that nothing is kept", async () => {
    let state = active;
    server.use(
      http.get(BACKGROUND, () => HttpResponse.json(state)),
      http.delete(BACKGROUND, () => {
        state = none;
        return new HttpResponse(null, { status: 204 });
      }),
    );
    const { user } = show();
    const { press } = await openDialog(user);
    await press("Stop");
    await closed();
    await badge("Off");
  });

  test("a failure stays in the dialog", async () => {
    server.use(http.delete(BACKGROUND, () => problem(503, { detail: "The store is down." })));
    const { user } = show();
    const { dialog, press } = await openDialog(user);
    await press("Stop");
    expect(await within(dialog).findByText("The service is busy")).toBeInTheDocument();
  });
});

test("a refresh that fails keeps what was known and says what went wrong", async () => {
  const { user } = show();
  await badge("Active");
  server.use(http.get(BACKGROUND, () => HttpResponse.error()));
  await user.click(screen.getByRole("button", { name: "Refresh" }));
  expect(await screen.findByText("The API cannot be reached")).toBeVisible();
  await badge("Active");
});
