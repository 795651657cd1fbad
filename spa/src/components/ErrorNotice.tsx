import {
  Button,
  MessageBar,
  MessageBarActions,
  MessageBarBody,
  MessageBarTitle,
  Text,
  makeStyles,
  tokens,
} from "@fluentui/react-components";
import { Countdown } from "./Countdown";
import { type Failure, describeFailure } from "./describeFailure";
import { useSignInButton } from "./useSignInButton";

const useStyles = makeStyles({
  reference: {
    color: tokens.colorNeutralForeground3,
    fontFamily: tokens.fontFamilyMonospace,
    overflowWrap: "anywhere",
  },
});

interface ErrorNoticeProps {
  readonly error: unknown;
  /** Repeats what failed. Also called after the user has signed in again. */
  readonly onRetry: () => void;
}

/** What went wrong, and the button that helps: sign in (with the claims asked for), wait and retry, or retry. */
export function ErrorNotice({ error, onRetry }: ErrorNoticeProps) {
  const styles = useStyles();
  const failure = describeFailure(error);
  return (
    <MessageBar
      intent={failure.remedy.kind === "sign_in" ? "warning" : "error"}
      layout="multiline"
      politeness="assertive"
    >
      <MessageBarBody>
        <MessageBarTitle>{failure.title}</MessageBarTitle>
        <br />
        {failure.detail}
        {failure.reference && (
          <Text size={200} block className={styles.reference}>
            {failure.reference}
          </Text>
        )}
      </MessageBarBody>
      <MessageBarActions>
        <Remedy remedy={failure.remedy} onRetry={onRetry} />
      </MessageBarActions>
    </MessageBar>
  );
}

function Remedy({ remedy, onRetry }: { readonly remedy: Failure["remedy"]; readonly onRetry: () => void }) {
  switch (remedy.kind) {
    case "sign_in":
      return <SignInAgainButton label={remedy.label} claims={remedy.claims} onDone={onRetry} />;
    case "retry":
      return remedy.afterSeconds > 0 ? (
        <Countdown key={remedy.afterSeconds} seconds={remedy.afterSeconds} onRetry={onRetry} />
      ) : (
        <Button onClick={onRetry}>Try again</Button>
      );
    case "none":
      return null;
  }
}

interface SignInAgainButtonProps {
  readonly label: string;
  readonly claims: string | null;
  readonly onDone: () => void;
}

function SignInAgainButton({ label, claims, onDone }: SignInAgainButtonProps) {
  const { signInAgain, problem } = useSignInButton({ claims, onDone });
  return (
    <>
      <Button appearance="primary" onClick={signInAgain}>
        {label}
      </Button>
      {problem && <Text role="alert">{`${problem.title}. ${problem.detail}`}</Text>}
    </>
  );
}
