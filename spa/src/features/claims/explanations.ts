/** One claim of an ID token, ready to be shown. */
export interface ExplainedClaim {
  readonly name: string;
  /** As the token has it; lists and objects as JSON. */
  readonly value: string;
  /** What the value means, when the raw one does not say: a time, for instance. */
  readonly reading: string | null;
  readonly meaning: string;
}

export interface ClaimGroup {
  readonly title: string;
  readonly claims: readonly ExplainedClaim[];
}

/**
 * Sorts a token's claims into groups and explains each.
 * Source: <https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference>.
 */
export function explainClaims(claims: Readonly<Record<string, unknown>>, showTime: (at: Date) => string): ClaimGroup[] {
  const groups = GROUPS.map(({ title, meanings }) => ({
    title,
    claims: Object.entries(meanings)
      .filter(([name]) => claims[name] !== undefined)
      .map(([name, meaning]) => explain(name, claims[name], meaning, showTime)),
  }));
  const known = new Set(GROUPS.flatMap(({ meanings }) => Object.keys(meanings)));
  const others = Object.keys(claims)
    .filter((name) => !known.has(name) && claims[name] !== undefined)
    .sort();
  groups.push({
    title: "Others",
    claims: others.map((name) =>
      explain(name, claims[name], "Not one of the usual claims. Your directory or app registration adds it.", showTime),
    ),
  });
  return groups.filter((group) => group.claims.length > 0);
}

const TIMES = new Set(["iat", "nbf", "exp", "auth_time", "xms_pl_time"]);

function explain(name: string, value: unknown, meaning: string, showTime: (at: Date) => string): ExplainedClaim {
  return {
    name,
    value: typeof value === "string" ? value : JSON.stringify(value),
    reading: TIMES.has(name) && typeof value === "number" ? showTime(new Date(value * 1000)) : null,
    meaning,
  };
}

const GROUPS: readonly { readonly title: string; readonly meanings: Readonly<Record<string, string>> }[] = [
  {
    title: "Who you are",
    meanings: {
      name: "Your name, for people to read. It can change and is not unique, so nothing may be decided by it.",
      given_name: "Your first name.",
      family_name: "Your last name.",
      preferred_username: "The name you sign in with. It can change, so it is for display and sign-in hints only.",
      email: "Your address, if your directory gives it out. Not proof that the address is yours.",
      upn: "Your user principal name in the directory. It can change.",
      oid: "Your object id: the same in every app of this tenant, for as long as you are in it. Records about you use this.",
      sub: "You, as this app alone knows you. Another app sees another value.",
      login_hint: "Tells Entra ID which of your accounts is meant when you sign in again or sign out.",
      roles: "App roles that were assigned to you.",
      groups: "Ids of the groups you belong to.",
      acct: "Your kind of account: 0 for a member of the tenant, 1 for a guest.",
    },
  },
  {
    title: "Where you signed in",
    meanings: {
      iss: "Who issued this token. An app must refuse tokens of any issuer it does not trust.",
      tid: "The tenant you signed in to. Together with the object id it names you for good.",
      idp: "Who checked your identity, when that was not the issuer: another tenant or a social account.",
      tenant_ctry: "The country of the tenant.",
      tenant_region_scope: "The region of the tenant.",
    },
  },
  {
    title: "When",
    meanings: {
      auth_time: "When you last proved who you are.",
      iat: "When this token was issued.",
      nbf: "Not valid before this time.",
      exp: "Not valid from this time on. Ending does not sign you out: the app asks for a new one.",
    },
  },
  {
    title: "How the protocol is kept safe",
    meanings: {
      aud: "Whom this token is meant for: the client id of this app. Others must refuse it.",
      nonce: "A random value this page sent along, so that an old answer cannot be played back to it.",
      sid: "Your session at Entra ID. Signing out elsewhere is matched by it.",
      ver: "Version of the token's format.",
      amr: "How you proved who you are, such as pwd for a password or mfa for a second factor.",
      acr: "How strongly you proved who you are.",
      acrs: "Authentication contexts that this sign-in satisfies.",
      at_hash: "A hash of the access token that came along, so that the two cannot be mixed up.",
      c_hash: "A hash of the authorization code that came along.",
      aio: "For Entra ID's own use.",
      rh: "For Entra ID's own use.",
      uti: "The id of this token, for Entra ID's logs.",
      xms_cc: "What this app can handle; cp1 means that it can answer claims challenges.",
    },
  },
];
