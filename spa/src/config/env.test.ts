import { HttpResponse, http } from "msw";
import { describe, expect, test, vi } from "vitest";
import { server } from "../testing/server";
import { SETTINGS_PATH, SettingsError, loadSettings, parseSettings } from "./env";

const good = {
  apiBaseUrl: "https://api.example.com/",
  clientId: "11111111-2222-3333-4444-555555555555",
  authority: "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555",
  apiScopes: ["api://x/Profile.ReadWrite"],
};

function problemsOf(value: unknown): readonly string[] {
  try {
    parseSettings(value);
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    return (error as SettingsError).problems;
  }
  return [];
}

describe("parseSettings", () => {
  test("needs only the four values, and fills in the rest", () => {
    expect(parseSettings(good)).toEqual({
      ...good,
      apiBaseUrl: "https://api.example.com",
      knownAuthorities: [],
      authorityMetadata: null,
      environmentLabel: null,
      links: [],
    });
  });

  test("takes the local stack's settings, with plain http on this machine", () => {
    const authorityMetadata = {
      authorization_endpoint: "http://localhost:3002/t/oauth2/v2.0/authorize",
      token_endpoint: "http://localhost:3002/t/oauth2/v2.0/token",
      issuer: "https://localhost:3002/t/v2.0",
      jwks_uri: "http://127.0.0.1:3002/t/keys",
      end_session_endpoint: "http://[::1]:3002/t/logout",
    };
    const settings = parseSettings({
      ...good,
      apiBaseUrl: "http://localhost:3001",
      authority: "https://localhost:3002/t",
      knownAuthorities: ["localhost:3002"],
      authorityMetadata,
      environmentLabel: "local",
      links: [{ label: "Emulator", url: "http://localhost:3002/" }],
    });
    expect(settings.authorityMetadata).toEqual(authorityMetadata);
    expect(settings.links).toHaveLength(1);
  });

  test("names every problem at once", () => {
    const problems = problemsOf({ apiScopes: [], knownAuthorities: "localhost", links: [{ label: "" }] });
    expect(problems.map((problem) => problem.split(":")[0])).toEqual([
      "apiBaseUrl",
      "clientId",
      "authority",
      "apiScopes",
      "knownAuthorities",
      "links[0]",
    ]);
    expect(problems[0]).toContain("found nothing");
  });

  test.each([
    ["apiBaseUrl", "http://api.example.com"],
    ["apiBaseUrl", "api.example.com"],
    ["apiBaseUrl", "http://localhost.example.com"],
    ["clientId", "my-app"],
    ["authority", "http://login.microsoftonline.com/tenant"],
    ["authority", "https://login.microsoftonline.com"],
    ["apiScopes", [""]],
    ["authorityMetadata", { issuer: "x" }],
    ["environmentLabel", 5],
    ["links", [{ label: "x", url: "javascript:alert(1)" }]],
  ])("refuses %s %j", (name, value) => {
    expect(problemsOf({ ...good, [name]: value })[0]).toContain(name);
  });

  test("refuses what is not an object", () => {
    expect(problemsOf([good])).toHaveLength(1);
  });
});

describe("loadSettings", () => {
  const at = (answer: () => Response) => {
    server.use(http.get(`*${SETTINGS_PATH}`, answer));
    return loadSettings().catch((error: unknown) => (error as SettingsError).problems.join());
  };

  test("reads the file", async () => {
    expect(await at(() => HttpResponse.json(good))).toMatchObject({ clientId: good.clientId });
  });

  test("says that the file is missing, also where the host answers every path with a page", async () => {
    expect(await at(() => new HttpResponse(null, { status: 404 }))).toContain("404");
    expect(await at(() => HttpResponse.html("<!doctype html>"))).toContain("probably missing");
    expect(await at(() => HttpResponse.text("{"))).toContain("not valid JSON");
    expect(await at(() => HttpResponse.error())).toContain("does not answer");
  });

  test("asks for the newest file, so that a change needs no new build", async () => {
    const fetchSettings = vi.fn<typeof fetch>(() => Promise.resolve(Response.json(good)));
    await loadSettings(fetchSettings);
    expect(fetchSettings).toHaveBeenCalledWith(SETTINGS_PATH, { cache: "no-cache" });
  });
});
