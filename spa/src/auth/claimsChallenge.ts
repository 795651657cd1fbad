/**
 * Decodes the `claims` value of a claims challenge to the JSON that a sign-in request carries.
 *
 * Entra ID and its APIs send it base64 encoded, some in the URL-safe alphabet, some without padding
 * (<https://learn.microsoft.com/entra/identity-platform/claims-challenge>). Returns null when it is not a JSON object:
 * a sign-in without claims is then the best that can be asked for.
 */
export function claimsFromChallenge(encoded: string | null | undefined): string | null {
  if (!encoded) {
    return null;
  }
  try {
    const bytes = Uint8Array.from(atob(encoded.replaceAll("-", "+").replaceAll("_", "/")), (character) =>
      character.charCodeAt(0),
    );
    const json = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? json : null;
  } catch {
    return null;
  }
}

/**
 * True when all that the claims ask for is a token issued after a moment (`nbf`). Continuous access evaluation does so once
 * sessions were revoked or the password was changed
 * (<https://learn.microsoft.com/entra/identity-platform/app-resilience-continuous-access-evaluation>).
 */
export function asksForNewSignInOnly(claims: string | null): boolean {
  if (claims === null) {
    return false;
  }
  const { access_token: wanted } = JSON.parse(claims) as { access_token?: unknown };
  return typeof wanted === "object" && wanted !== null && Object.keys(wanted).join() === "nbf";
}
