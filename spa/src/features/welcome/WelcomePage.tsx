import { Button, Subtitle2, Text, makeStyles, tokens } from "@fluentui/react-components";
import { ArrowSyncRegular, PersonKeyRegular, ShieldCheckmarkRegular } from "@fluentui/react-icons";
import { type ReactElement, useRef, useState } from "react";
import { type SignInProblem, describeSignInProblem } from "../../auth/errors";
import { rememberedAccount } from "../../auth/lastAccount";
import { useSessionContext } from "../../auth/SessionContext";
import type { SignInOptions } from "../../auth/useSession";
import { Page } from "../../components/Page";
import { Panel } from "../../components/Panel";
import { SignInProblemNotice } from "../../components/SignInProblemNotice";

const useStyles = makeStyles({
  stack: { display: "flex", flexDirection: "column", gap: tokens.spacingVerticalXXL },
  buttons: { display: "flex", flexWrap: "wrap", gap: tokens.spacingHorizontalM },
  steps: {
    display: "grid",
    gridTemplateColumns: "repeat(auto-fit, minmax(min(100%, 240px), 1fr))",
    gap: tokens.spacingHorizontalXXL,
    listStyleType: "none",
    margin: 0,
    padding: 0,
  },
  icon: {
    fontSize: "28px",
    color: tokens.colorBrandForeground1,
    display: "block",
    marginBottom: tokens.spacingVerticalS,
  },
  stepTitle: { margin: `0 0 ${tokens.spacingVerticalXS}` },
  quiet: { color: tokens.colorNeutralForeground2 },
});

interface WelcomePageProps {
  /** Why a sign-in by redirect, which ended with this page load, failed. */
  readonly returnProblem: unknown;
}

/** What a visitor who is not signed in sees at any address. After signing in they are where they meant to go. */
export function WelcomePage({ returnProblem }: WelcomePageProps) {
  const styles = useStyles();
  const session = useSessionContext();
  const [last] = useState(rememberedAccount);
  const [problem, setProblem] = useState<SignInProblem | null>(() =>
    returnProblem ? describeSignInProblem(returnProblem) : null,
  );
  const [waiting, setWaiting] = useState(false);
  const newest = useRef(0);

  const signIn = (options: SignInOptions) => {
    const mine = ++newest.current;
    setProblem(null);
    setWaiting(options.method === "popup");
    session.signIn(options).catch((error: unknown) => {
      if (mine === newest.current) {
        setProblem(describeSignInProblem(error));
        setWaiting(false);
      }
    });
  };

  return (
    <Page
      title="It works for you while you are away"
      lead="Sign in once. The service reads your profile from Microsoft Graph on your behalf, and keeps it fresh after you have left, with no more rights than you have."
    >
      <div className={styles.stack}>
        {problem && <SignInProblemNotice problem={problem} />}
        <div className={styles.buttons}>
          {last && (
            <Button
              appearance="primary"
              size="large"
              onClick={() => {
                signIn({ method: "redirect", loginHint: last.username });
              }}
            >
              Continue as {last.username}
            </Button>
          )}
          <Button
            appearance={last ? "secondary" : "primary"}
            size="large"
            onClick={() => {
              signIn({ method: "redirect", chooseAccount: last !== null });
            }}
          >
            {last ? "Use another account" : "Sign in"}
          </Button>
          <Button
            appearance="secondary"
            size="large"
            onClick={() => {
              signIn({ method: "popup", chooseAccount: true });
            }}
          >
            Sign in with a pop-up
          </Button>
        </div>
        {waiting && <Text role="status">Waiting for the sign-in window. If you closed it, choose a button again.</Text>}
        <Panel>
          <ol className={styles.steps}>
            {STEPS.map(({ icon, title, text }) => (
              <li key={title}>
                <span className={styles.icon} aria-hidden="true">
                  {icon}
                </span>
                <Subtitle2 as="h2" block className={styles.stepTitle}>
                  {title}
                </Subtitle2>
                <Text className={styles.quiet}>{text}</Text>
              </li>
            ))}
          </ol>
        </Panel>
      </div>
    </Page>
  );
}

const STEPS: readonly { readonly icon: ReactElement; readonly title: string; readonly text: string }[] = [
  {
    icon: <PersonKeyRegular />,
    title: "You sign in",
    text: "With your work account, at Microsoft Entra ID. This page never sees your password.",
  },
  {
    icon: <ArrowSyncRegular />,
    title: "It acts while you are away",
    text: "Always as you, with delegated permissions. When Entra ID wants you back, it stops and says so here.",
  },
  {
    icon: <ShieldCheckmarkRegular />,
    title: "You stay in charge",
    text: "See when it last acted and when it will again. One button ends it and erases what it kept.",
  },
];
