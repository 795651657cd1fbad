import { Badge, Button, Subtitle1, Text, makeStyles, tokens } from "@fluentui/react-components";
import {
  ArrowSyncCircleRegular,
  CheckmarkCircleRegular,
  PauseCircleRegular,
  PersonWarningRegular,
} from "@fluentui/react-icons";
import type { ReactElement } from "react";
import type { BackgroundAccess, BackgroundStatus, SweepFailure } from "../../api/types";
import { claimsFromChallenge } from "../../auth/claimsChallenge";
import { Facts } from "../../components/Facts";
import { Panel } from "../../components/Panel";
import { StateTile } from "../../components/StateTile";
import { Timestamp } from "../../components/Timestamp";
import { useSignInButton } from "../../components/useSignInButton";
import { describeNeed, describeOutcome, describeStatus } from "./describe";

const useStyles = makeStyles({
  head: { display: "flex", flexWrap: "wrap", gap: tokens.spacingHorizontalXL, alignItems: "flex-start" },
  text: { flex: "1 1 180px", minWidth: 0 },
  headlineRow: { display: "flex", flexWrap: "wrap", alignItems: "center", gap: tokens.spacingHorizontalM },
  headline: { margin: 0 },
  paragraph: { margin: `${tokens.spacingVerticalXS} 0 0`, color: tokens.colorNeutralForeground2, maxWidth: "64ch" },
  need: {
    marginTop: tokens.spacingVerticalL,
    display: "flex",
    flexDirection: "column",
    alignItems: "flex-start",
    gap: tokens.spacingVerticalM,
  },
  reason: { fontSize: tokens.fontSizeBase400, lineHeight: tokens.lineHeightBase400 },
  reference: {
    color: tokens.colorNeutralForeground3,
    fontFamily: tokens.fontFamilyMonospace,
    overflowWrap: "anywhere",
  },
  times: {
    marginTop: tokens.spacingVerticalXXL,
    paddingTop: tokens.spacingVerticalXL,
    borderTop: `1px solid ${tokens.colorNeutralStroke2}`,
  },
  outcome: { color: tokens.colorNeutralForeground2 },
});

const ICONS: Readonly<Record<BackgroundStatus, ReactElement>> = {
  active: <CheckmarkCircleRegular />,
  failing: <ArrowSyncCircleRegular />,
  needs_user: <PersonWarningRegular />,
  none: <PauseCircleRegular />,
};

const TONES = { active: "good", failing: "careful", needs_user: "bad", none: "neutral" } as const;
const BADGE_COLORS = { active: "success", failing: "warning", needs_user: "danger", none: "informative" } as const;

interface StatusPanelProps {
  readonly access: BackgroundAccess;
  readonly onSignedIn: () => void;
}

/** The status in words, what it needs from the user, and when the sweep was and will be here. */
export function StatusPanel({ access, onSignedIn }: StatusPanelProps) {
  const styles = useStyles();
  const { badge, headline, detail } = describeStatus(access.status);
  return (
    <Panel labelledBy="status-headline">
      <div className={styles.head}>
        <StateTile tone={TONES[access.status]} icon={ICONS[access.status]} />
        <div className={styles.text}>
          <div className={styles.headlineRow}>
            <Subtitle1 as="h2" id="status-headline" className={styles.headline}>
              {headline}
            </Subtitle1>
            <Badge appearance="tint" color={BADGE_COLORS[access.status]} size="large" data-status={access.status}>
              {badge}
            </Badge>
          </div>
          <p className={styles.paragraph}>
            {access.status === "failing" ? (access.failure?.message ?? detail) : detail}
          </p>
          {access.status === "needs_user" && <WhatIsNeeded failure={access.failure} onSignedIn={onSignedIn} />}
          {access.status === "none" && <AskToAct onSignedIn={onSignedIn} />}
          {access.status === "failing" && access.failure && <FailureReference failure={access.failure} />}
        </div>
      </div>
      {access.status !== "none" && (
        <div className={styles.times}>
          <Facts
            facts={[
              { term: "You were last here", value: <Timestamp at={access.lastActivity} absent="Not yet" /> },
              {
                term: "The service's last turn",
                value: (
                  <>
                    <Timestamp at={access.lastSweep?.at ?? null} absent="Not yet" />
                    {access.lastSweep && (
                      <Text size={200} block className={styles.outcome}>
                        {describeOutcome(access.lastSweep.outcome)}
                      </Text>
                    )}
                  </>
                ),
              },
              {
                term: "Next turn",
                value: (
                  <Timestamp
                    kind="coming"
                    at={access.nextSweep}
                    absent={
                      access.status === "needs_user" && describeNeed(access.failure).solvedBySigningIn
                        ? "After you sign in"
                        : "Not planned"
                    }
                  />
                ),
              },
            ]}
          />
        </div>
      )}
    </Panel>
  );
}

function WhatIsNeeded({ failure, onSignedIn }: { failure: SweepFailure | null; onSignedIn: () => void }) {
  const styles = useStyles();
  const { reason, solvedBySigningIn } = describeNeed(failure);
  const { signInAgain, problem, waiting } = useSignInButton({
    claims: claimsFromChallenge(failure?.claims),
    onDone: onSignedIn,
  });
  return (
    <div className={styles.need}>
      <Text className={styles.reason}>{reason}</Text>
      {solvedBySigningIn ? (
        <Button appearance="primary" size="large" onClick={signInAgain}>
          Sign in again
        </Button>
      ) : (
        <Text>Signing in again does not solve this.</Text>
      )}
      {waiting && <Text role="status">Waiting for the sign-in window. If you closed it, choose Sign in again.</Text>}
      {problem && <Text role="alert">{`${problem.title}. ${problem.detail}`}</Text>}
      {failure && <FailureReference failure={failure} />}
    </div>
  );
}

/**
 * Starts background access with a new sign-in. The token at hand may be one that was in use when the user ended it, and with
 * those the service keeps nothing.
 */
function AskToAct({ onSignedIn }: { onSignedIn: () => void }) {
  const styles = useStyles();
  const { signInAgain, problem, waiting } = useSignInButton({ claims: null, onDone: onSignedIn });
  return (
    <div className={styles.need}>
      <Button size="large" onClick={signInAgain}>
        Sign in and let it act for me
      </Button>
      {waiting && <Text role="status">Waiting for the sign-in window. If you closed it, choose the button again.</Text>}
      {problem && <Text role="alert">{`${problem.title}. ${problem.detail}`}</Text>}
    </div>
  );
}

/** What to quote to an administrator: Entra ID's number and `suberror`, or the kind of failure, and how often it happened. */
function FailureReference({ failure }: { failure: SweepFailure }) {
  const styles = useStyles();
  const what = [failure.code, failure.suberror].filter(Boolean).join(" · ") || failure.class;
  return (
    <Text size={200} block className={styles.reference}>
      {what}
      {failure.attempts > 1 && ` · ${failure.attempts} attempts`}
    </Text>
  );
}
