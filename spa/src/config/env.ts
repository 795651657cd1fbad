/** The endpoints of an authority, as its OpenID Connect discovery document names them. */
export interface AuthorityMetadata {
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly issuer: string;
  readonly jwks_uri: string;
  readonly end_session_endpoint?: string;
}

export interface FooterLink {
  readonly label: string;
  readonly url: string;
}

/** What this page needs to know about where it runs. Read from `/config.json` at start, so one build serves every place. */
export interface Settings {
  /** Origin (and path, if any) of the API, without a slash at the end. */
  readonly apiBaseUrl: string;
  readonly clientId: string;
  /** Always https: MSAL refuses anything else, even where the endpoints below are plain http. */
  readonly authority: string;
  readonly apiScopes: readonly string[];
  /** Hosts to trust besides Microsoft's own. Empty for Entra ID. */
  readonly knownAuthorities: readonly string[];
  /** Set for an authority whose discovery document MSAL cannot fetch, such as a local emulator on plain http. */
  readonly authorityMetadata: AuthorityMetadata | null;
  readonly environmentLabel: string | null;
  readonly links: readonly FooterLink[];
}

/** The settings are missing or wrong. Holds every problem found, so that one edit can fix them all. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The settings in ${SETTINGS_PATH} cannot be used: ${problems.join(" ")}`);
    this.problems = problems;
  }
}

export const SETTINGS_PATH = "/config.json";

/**
 * Fetches and checks the settings.
 *
 * @throws {SettingsError} when the file is missing, is not JSON, or any value is missing or malformed.
 */
export async function loadSettings(fetchSettings: typeof fetch = fetch): Promise<Settings> {
  let response: Response;
  try {
    response = await fetchSettings(SETTINGS_PATH, { cache: "no-cache" });
  } catch {
    throw new SettingsError([`${SETTINGS_PATH} could not be fetched: the server this page came from does not answer.`]);
  }
  if (!response.ok) {
    throw new SettingsError([
      `${SETTINGS_PATH} could not be fetched: the server answered ${response.status}. ` +
        "Copy config.example.json to config.json beside index.html and fill it in.",
    ]);
  }
  const text = await response.text();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Hosts that answer every unknown path with index.html land here when the file is missing.
    throw new SettingsError([
      text.trimStart().startsWith("<")
        ? `${SETTINGS_PATH} is a page, not JSON: the file is probably missing. Copy config.example.json to config.json beside index.html and fill it in.`
        : `${SETTINGS_PATH} is not valid JSON.`,
    ]);
  }
  return parseSettings(value);
}

/** @throws {SettingsError} naming every missing or malformed value. */
export function parseSettings(value: unknown): Settings {
  if (!isRecord(value)) {
    throw new SettingsError(["Expected a JSON object at the top level."]);
  }
  const problems: string[] = [];
  const read = reader(value, problems);
  const settings: Settings = {
    apiBaseUrl: read.url("apiBaseUrl").replace(/\/+$/, ""),
    clientId: read.matching("clientId", GUID, "the GUID of this page's app registration"),
    authority: read.matching(
      "authority",
      /^https:\/\/[^/\s]+\/[^/\s]+\/?$/,
      "https://<host>/<tenant id>, for example https://login.microsoftonline.com/<tenant id>",
    ),
    apiScopes: read.strings("apiScopes", { atLeastOne: true }),
    knownAuthorities: read.strings("knownAuthorities", { optional: true }),
    authorityMetadata: read.metadata("authorityMetadata"),
    environmentLabel: read.optionalText("environmentLabel"),
    links: read.links("links"),
  };
  if (problems.length > 0) {
    throw new SettingsError(problems);
  }
  return settings;
}

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Readers for one value each. A reader that finds a problem records it and returns an empty value. */
function reader(source: Record<string, unknown>, problems: string[]) {
  const fail = (name: string, expected: string, found: unknown) => {
    problems.push(`${name}: expected ${expected}, found ${describe(found)}.`);
  };

  const url = (name: string, holder = source, label = name): string => {
    const found = holder[name];
    if (typeof found === "string" && isWebAddress(found)) {
      return found;
    }
    fail(label, "an https address (http only for this machine)", found);
    return "";
  };

  return {
    url,
    matching(name: string, pattern: RegExp, expected: string): string {
      const found = source[name];
      if (typeof found === "string" && pattern.test(found)) {
        return found;
      }
      fail(name, expected, found);
      return "";
    },
    strings(name: string, rule: { optional?: boolean; atLeastOne?: boolean }): string[] {
      const found = source[name];
      if (found === undefined && rule.optional) {
        return [];
      }
      if (Array.isArray(found) && found.every(isText) && (found.length > 0 || !rule.atLeastOne)) {
        return found;
      }
      fail(name, rule.atLeastOne ? "a list of at least one text" : "a list of texts", found);
      return [];
    },
    optionalText(name: string): string | null {
      const found = source[name] ?? null;
      if (found === null || isText(found)) {
        return found;
      }
      fail(name, "a text, or nothing", found);
      return null;
    },
    metadata(name: string): AuthorityMetadata | null {
      const found = source[name] ?? null;
      if (found === null) {
        return null;
      }
      if (!isRecord(found)) {
        fail(name, "an object with the authority's endpoints, or nothing", found);
        return null;
      }
      const endpoint = (key: string) => url(key, found, `${name}.${key}`);
      // The issuer is an identifier that is compared, never fetched, so it need not be reachable or https.
      if (!isText(found.issuer)) {
        fail(`${name}.issuer`, "a text", found.issuer);
      }
      return {
        authorization_endpoint: endpoint("authorization_endpoint"),
        token_endpoint: endpoint("token_endpoint"),
        issuer: isText(found.issuer) ? found.issuer : "",
        jwks_uri: endpoint("jwks_uri"),
        ...(found.end_session_endpoint === undefined ? {} : { end_session_endpoint: endpoint("end_session_endpoint") }),
      };
    },
    links(name: string): FooterLink[] {
      const found = source[name] ?? [];
      if (!Array.isArray(found)) {
        fail(name, 'a list of {"label", "url"}', found);
        return [];
      }
      return found.flatMap((link: unknown, index) => {
        const at = `${name}[${index}]`;
        if (!isRecord(link) || !isText(link.label)) {
          fail(at, '{"label", "url"}', link);
          return [];
        }
        return [{ label: link.label, url: url("url", link, `${at}.url`) }];
      });
    },
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}

/** Bearer tokens travel to these addresses, so plain http is accepted for this machine only. */
function isWebAddress(text: string): boolean {
  if (!URL.canParse(text)) {
    return false;
  }
  const { protocol, hostname } = new URL(text);
  return protocol === "https:" || (protocol === "http:" && LOOPBACK.test(hostname));
}

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/;

function describe(value: unknown): string {
  if (value === undefined) {
    return "nothing";
  }
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
