/** Enough to offer the same person a quick way back in. Holds no token and no claim beyond the sign-in name. */
export interface LastAccount {
  readonly homeAccountId: string;
  readonly username: string;
}

const KEY = "last-account";

export function rememberAccount({ homeAccountId, username }: LastAccount): void {
  try {
    localStorage.setItem(KEY, JSON.stringify({ homeAccountId, username }));
  } catch {
    // Storage is full or forbidden: the user types the name next time.
  }
}

export function rememberedAccount(): LastAccount | null {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? "null");
    return isLastAccount(value) ? value : null;
  } catch {
    return null;
  }
}

export function forgetAccount(): void {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // What cannot be read cannot be remembered either.
  }
}

function isLastAccount(value: unknown): value is LastAccount {
  return (
    typeof value === "object" &&
    value !== null &&
    "homeAccountId" in value &&
    typeof value.homeAccountId === "string" &&
    "username" in value &&
    typeof value.username === "string"
  );
}
