import { Button, Text, makeStyles, tokens } from "@fluentui/react-components";
import { ErrorCircleRegular, PersonWarningRegular } from "@fluentui/react-icons";
import { useState } from "react";
import { Countdown } from "./Countdown";
import { Notice } from "./Notice";
import { type Failure, type SignInRemedy, describeFailure } from "./describeFailure";
import { useSignInButton } from "./useSignInButton";

const useStyles = makeStyles({
  reference: {
    marginTop: tokens.spacingVerticalL,
    color: tokens.colorNeutralForeground3,
    fontFamily: tokens.fontFamilyMonospace,
    overflowWrap: "anywhere",
  },
});

interface ErrorNoticeProps {
  readonly error: unknown;
  /** Repeats what failed. Also called after the user has signed in again. */
  readonly onRetry: () => void;
  /** A retry is under way. */
  readonly retrying?: boolean;
  /** Whether the user waits for what failed. */
  readonly awaited?: boolean;
  readonly headingLevel?: "h2" | "h3";
}

/** What went wrong, and the button that helps: sign in (with the claims asked for), wait and retry, or retry. */
export function ErrorNotice({
  error,
  onRetry,
  retrying = false,
  awaited = true,
  headingLevel = "h2",
}: ErrorNoticeProps) {
  const styles = useStyles();
  const { title, detail, reference, remedy } = describeFailure(error);
  const solvedBySigningIn = remedy.kind === "sign_in";

  const [seen, setSeen] = useState({ error, count: 0 });
  if (seen.error !== error) {
    setSeen({ error, count: seen.count + 1 });
  }

  return (
    <Notice
      tone={solvedBySigningIn ? "careful" : "bad"}
      icon={solvedBySigningIn ? <PersonWarningRegular /> : <ErrorCircleRegular />}
      title={title}
      detail={detail}
      subject={error}
      awaited={awaited}
      headingLevel={headingLevel}
      actions={
        remedy.kind !== "none" && <Remedy remedy={remedy} onRetry={onRetry} retrying={retrying} failures={seen.count} />
      }
    >
      {reference && (
        <Text size={200} block className={styles.reference}>
          {reference}
        </Text>
      )}
    </Notice>
  );
}

interface RemedyProps {
  readonly remedy: Exclude<Failure["remedy"], { readonly kind: "none" }>;
  readonly onRetry: () => void;
  readonly retrying: boolean;
  /** Each failure that names a wait starts one. */
  readonly failures: number;
}

function Remedy({ remedy, onRetry, retrying, failures }: RemedyProps) {
  return remedy.kind === "sign_in" ? (
    <SignInAgain remedy={remedy} onDone={onRetry} />
  ) : (
    <Countdown
      key={remedy.afterSeconds > 0 ? failures : "none"}
      seconds={remedy.afterSeconds}
      onRetry={onRetry}
      retrying={retrying}
    />
  );
}

function SignInAgain({ remedy, onDone }: { readonly remedy: SignInRemedy; readonly onDone: () => void }) {
  const { signInAgain, problem, waiting } = useSignInButton({ ...remedy, onDone });
  return (
    <>
      <Button appearance="primary" size="large" onClick={signInAgain}>
        {remedy.label}
      </Button>
      {waiting && (
        <Text role="status">{`Waiting for the sign-in window. If you closed it, choose ${remedy.label}.`}</Text>
      )}
      {problem && <Text role="alert">{`${problem.title}. ${problem.detail}`}</Text>}
    </>
  );
}
