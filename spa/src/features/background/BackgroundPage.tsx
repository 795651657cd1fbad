import { Button, Subtitle2, Text, makeStyles, tokens } from "@fluentui/react-components";
import { ArrowClockwiseRegular } from "@fluentui/react-icons";
import { useCallback, useState } from "react";
import { useApi } from "../../api/ApiContext";
import type { BackgroundAccess } from "../../api/types";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Facts } from "../../components/Facts";
import { Loading } from "../../components/Loading";
import { Page } from "../../components/Page";
import { Panel } from "../../components/Panel";
import { Timestamp } from "../../components/Timestamp";
import { absoluteTime } from "../../components/time";
import { StatusPanel } from "./StatusPanel";
import { StopDialog } from "./StopDialog";
import { describeChange } from "./describe";
import { useBackgroundAccess } from "./useBackgroundAccess";

const useStyles = makeStyles({
  stack: { display: "flex", flexDirection: "column", gap: tokens.spacingVerticalL },
  actions: {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "center",
    gap: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalM}`,
  },
  updated: { color: tokens.colorNeutralForeground3, marginInlineStart: "auto" },
  heading: { margin: 0 },
  snapshotHeader: {
    display: "flex",
    flexWrap: "wrap",
    justifyContent: "space-between",
    gap: tokens.spacingHorizontalL,
    marginBottom: tokens.spacingVerticalL,
  },
});

/** What the service does for the user while they are away, what it needs from them, and how to end it. */
export function BackgroundPage() {
  const styles = useStyles();
  const api = useApi();
  const { data, error, loading, awaited, loadedAt, reload } = useBackgroundAccess();

  const [seen, setSeen] = useState<{ data: BackgroundAccess | undefined; news: string }>({ data: undefined, news: "" });
  if (data && data !== seen.data) {
    setSeen({ data, news: describeChange(seen.data, data) ?? "" });
  }

  const retry = useCallback(() => void reload(), [reload]);
  return (
    <Page title="Background access" lead="What the service does for you while you are away.">
      <p role="status" className="visually-hidden">
        {seen.news}
      </p>
      <div className={styles.stack}>
        {error !== undefined && <ErrorNotice error={error} onRetry={retry} retrying={loading} awaited={awaited} />}
        {!data && loading && error === undefined && (
          <Panel>
            <Loading label="Loading your background access" lines={6} />
          </Panel>
        )}
        {data && (
          <>
            <StatusPanel access={data} onSignedIn={retry} />
            <div className={styles.actions}>
              <Button icon={<ArrowClockwiseRegular />} onClick={retry} disabledFocusable={loading}>
                Refresh
              </Button>
              {data.status !== "none" && <StopDialog onStop={api.endBackgroundAccess} onStopped={retry} />}
              {loadedAt !== undefined && (
                <Text size={200} className={styles.updated}>
                  Checked {absoluteTime(new Date(loadedAt))}
                </Text>
              )}
            </div>
            {data.profile && <Snapshot profile={data.profile} />}
          </>
        )}
      </div>
    </Page>
  );
}

function Snapshot({ profile }: { readonly profile: NonNullable<BackgroundAccess["profile"]> }) {
  const styles = useStyles();
  return (
    <Panel labelledBy="snapshot-heading">
      <div className={styles.snapshotHeader}>
        <Subtitle2 as="h2" id="snapshot-heading" className={styles.heading}>
          Your profile as the service last saw it
        </Subtitle2>
        <Timestamp at={profile.refreshedAt} absent="" />
      </div>
      <Facts
        facts={[
          { term: "Name", value: profile.displayName },
          { term: "Job title", value: profile.jobTitle },
          { term: "Department", value: profile.department },
          { term: "City", value: profile.city },
        ]}
      />
    </Panel>
  );
}
