import { Button, Subtitle1, Text, makeStyles, tokens } from "@fluentui/react-components";
import { ErrorCircleRegular, PersonWarningRegular } from "@fluentui/react-icons";
import { useEffect, useId, useRef, useState } from "react";
import { Countdown } from "./Countdown";
import { StateTile } from "./StateTile";
import { type Failure, type SignInRemedy, describeFailure } from "./describeFailure";
import { useSignInButton } from "./useSignInButton";

const useStyles = makeStyles({
  notice: {
    display: "flex",
    flexWrap: "wrap",
    gap: tokens.spacingHorizontalXL,
    alignItems: "flex-start",
    backgroundColor: tokens.colorNeutralBackground1,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusXLarge,
    boxShadow: tokens.shadow4,
    padding: `${tokens.spacingVerticalXXL} clamp(16px, 4vw, 28px)`,
    ":focus": { outlineStyle: "none" },
    ":focus-visible": { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: "2px" },
  },
  text: { flex: "1 1 180px", minWidth: 0 },
  title: { margin: 0 },
  detail: { margin: `${tokens.spacingVerticalXS} 0 0`, color: tokens.colorNeutralForeground2, maxWidth: "64ch" },
  remedy: {
    marginTop: tokens.spacingVerticalL,
    display: "flex",
    flexDirection: "column",
    alignItems: "flex-start",
    gap: tokens.spacingVerticalM,
  },
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
  /**
   * True when the user waits for what failed: the notice then takes the focus. False when it failed behind their back: then
   * it is only read out.
   */
  readonly awaited?: boolean;
  /** Where the notice stands among the headings. */
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
  const id = useId();
  const notice = useRef<HTMLDivElement>(null);
  const { title, detail, reference, remedy } = describeFailure(error);

  // Each failure counts, also one that reads like the last.
  const [seen, setSeen] = useState({ error, count: 0 });
  if (seen.error !== error) {
    setSeen({ error, count: seen.count + 1 });
  }
  useEffect(() => {
    if (awaited) {
      notice.current?.focus();
    }
  }, [error, awaited]);

  return (
    <div
      ref={notice}
      role={awaited ? "group" : "alert"}
      aria-labelledby={`${id}-title`}
      aria-describedby={`${id}-detail`}
      tabIndex={-1}
      className={styles.notice}
      data-notice=""
    >
      <StateTile
        tone={remedy.kind === "sign_in" ? "careful" : "bad"}
        icon={remedy.kind === "sign_in" ? <PersonWarningRegular /> : <ErrorCircleRegular />}
      />
      <div className={styles.text}>
        <Subtitle1 as={headingLevel} id={`${id}-title`} block className={styles.title}>
          {title}
        </Subtitle1>
        <p id={`${id}-detail`} className={styles.detail}>
          {detail}
        </p>
        {remedy.kind !== "none" && (
          <div className={styles.remedy}>
            <Remedy remedy={remedy} onRetry={onRetry} retrying={retrying} failures={seen.count} />
          </div>
        )}
        {reference && (
          <Text size={200} block className={styles.reference}>
            {reference}
          </Text>
        )}
      </div>
    </div>
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
