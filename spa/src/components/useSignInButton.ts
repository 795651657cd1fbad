import { useCallback, useRef, useState } from "react";
import { type SignInProblem, describeSignInProblem } from "../auth/errors";
import { useSessionContext } from "../auth/SessionContext";

export interface SignInButton {
  readonly signInAgain: () => void;
  /** Why the last try failed; null before the first and after a good one. */
  readonly problem: SignInProblem | null;
  readonly waiting: boolean;
}

interface SignInButtonOptions {
  readonly claims: string | null;
  readonly askConsent?: boolean;
  readonly onDone: () => void;
}

/** Signs the shown account in again in a pop-up (so the page keeps its state), with claims when given. For a click. */
export function useSignInButton({ claims, askConsent = false, onDone }: SignInButtonOptions): SignInButton {
  const session = useSessionContext();
  const [problem, setProblem] = useState<SignInProblem | null>(null);
  const [waiting, setWaiting] = useState(false);

  // A user who closed the window clicks again; then only the newest try speaks.
  const newest = useRef(0);

  const signInAgain = useCallback(() => {
    const mine = ++newest.current;
    setProblem(null);
    setWaiting(true);
    session
      .signIn({ method: "popup", loginHint: session.account?.username, askConsent, claims })
      .then(onDone)
      .catch((error: unknown) => {
        if (mine === newest.current) {
          setProblem(describeSignInProblem(error));
        }
      })
      .finally(() => {
        if (mine === newest.current) {
          setWaiting(false);
        }
      });
  }, [session, claims, askConsent, onDone]);

  return { signInAgain, problem, waiting };
}
