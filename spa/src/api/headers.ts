export interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Reads the challenges of a `WWW-Authenticate` header (RFC 9110 section 11.6.1). Scheme and parameter names come back in
 * lower case. What does not follow the grammar is skipped, so a proxy's odd addition does not hide the API's own challenge.
 */
export function parseChallenges(header: string | null): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  for (const match of (header ?? "").matchAll(CHALLENGE_PART)) {
    const { name, quoted, plain, scheme } = match.groups ?? {};
    if (scheme !== undefined) {
      challenges.push({ scheme: scheme.toLowerCase(), parameters: {} });
    } else if (name !== undefined) {
      const current = challenges.at(-1);
      if (current) {
        current.parameters[name.toLowerCase()] = quoted?.replace(/\\(.)/g, "$1") ?? plain ?? "";
      }
    }
  }
  return challenges;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";

/** A parameter (`name=value` or `name="value"`), or else a scheme: a bare word at a place where a challenge may begin. */
const CHALLENGE_PART = new RegExp(
  `(?<name>${TOKEN})\\s*=\\s*(?:"(?<quoted>(?:[^"\\\\]|\\\\.)*)"|(?<plain>[^\\s,"]+))|(?<scheme>${TOKEN})(?=\\s|,|$)`,
  "g",
);

/** Reads `Retry-After` (RFC 9110 section 10.2.3), seconds or a date, as seconds from `now` on. Null when absent or unreadable. */
export function parseRetryAfter(header: string | null, now: Date): number | null {
  const text = header?.trim();
  if (!text) {
    return null;
  }
  if (/^\d+$/.test(text)) {
    return Number(text);
  }
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - now.getTime()) / 1000));
}
