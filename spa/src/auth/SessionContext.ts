import { createContext, useContext } from "react";
import type { Session } from "./useSession";

/** The session as `useSession` gives it, made once at the top. */
export const SessionContext = createContext<Session | null>(null);

export function useSessionContext(): Session {
  const session = useContext(SessionContext);
  if (!session) {
    throw new Error("useSessionContext needs a SessionContext around it.");
  }
  return session;
}
