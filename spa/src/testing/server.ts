import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import type { BackgroundAccess, Profile } from "../api/types";

export const API = "https://api.test";

export const profile: Profile = {
  displayName: "Adele Vance",
  givenName: "Adele",
  surname: "Vance",
  userPrincipalName: "adele@lakeside.example",
  jobTitle: "Retail Manager",
  department: "Retail",
  city: "Zurich",
  country: "Switzerland",
  employeeId: "10234",
};

export const active: BackgroundAccess = {
  status: "active",
  lastActivity: "2026-11-22T10:00:00Z",
  lastSweep: { at: "2026-11-22T10:01:00Z", outcome: "acted" },
  nextSweep: "2026-11-22T11:01:00Z",
  failure: null,
  profile: { ...profile, refreshedAt: "2026-11-22T10:01:00Z" },
};

/** The API, with nothing wrong. Each test overrides what it is about. */
export const server = setupServer(
  http.get(`${API}/api/profile`, () => HttpResponse.json(profile)),
  http.get(`${API}/api/background-access`, () => HttpResponse.json(active)),
  http.delete(`${API}/api/background-access`, () => new HttpResponse(null, { status: 204 })),
);

/** An answer as the API words its errors: problem+json. */
export function problem(status: number, body: Record<string, unknown>, headers: Record<string, string> = {}) {
  return new HttpResponse(JSON.stringify({ type: "about:blank", status, ...body }), {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });
}
