import { Avatar, Button, Subtitle1, Text, makeStyles, tokens } from "@fluentui/react-components";
import { ArrowClockwiseRegular } from "@fluentui/react-icons";
import { useCallback, useState } from "react";
import type { Profile } from "../../api/types";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Facts } from "../../components/Facts";
import { Loading } from "../../components/Loading";
import { Page } from "../../components/Page";
import { Panel } from "../../components/Panel";
import { useProfile } from "./useProfile";

const useStyles = makeStyles({
  stack: { display: "flex", flexDirection: "column", gap: tokens.spacingVerticalL },
  identity: {
    display: "flex",
    alignItems: "center",
    flexWrap: "wrap",
    gap: tokens.spacingHorizontalXL,
    marginBottom: tokens.spacingVerticalXXL,
    paddingBottom: tokens.spacingVerticalXXL,
    borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
  },
  name: { margin: 0, overflowWrap: "anywhere" },
  who: { minWidth: 0, flex: "1 1 200px" },
  quiet: { color: tokens.colorNeutralForeground2, overflowWrap: "anywhere" },
});

/** Home of a signed-in user: the profile that the API read from Microsoft Graph on their behalf. */
export function ProfilePage() {
  const styles = useStyles();
  const { data, error, loading, awaited, reload } = useProfile();
  const [refreshed, setRefreshed] = useState(false);
  const retry = useCallback(() => void reload(), [reload]);
  return (
    <Page title="Your profile" lead="Read from Microsoft Graph by the API, on your behalf.">
      <p role="status" className="visually-hidden">
        {refreshed && !loading && error === undefined && "Your profile is up to date."}
      </p>
      <div className={styles.stack}>
        {error !== undefined && <ErrorNotice error={error} onRetry={retry} retrying={loading} awaited={awaited} />}
        {data ? (
          <ProfileCard
            profile={data}
            refreshing={loading}
            onRefresh={() => {
              setRefreshed(true);
              retry();
            }}
          />
        ) : (
          loading &&
          error === undefined && (
            <Panel>
              <Loading label="Loading your profile" lines={6} />
            </Panel>
          )
        )}
      </div>
    </Page>
  );
}

interface ProfileCardProps {
  readonly profile: Profile;
  readonly refreshing: boolean;
  readonly onRefresh: () => void;
}

function ProfileCard({ profile, refreshing, onRefresh }: ProfileCardProps) {
  const styles = useStyles();
  const name = profile.displayName ?? profile.userPrincipalName ?? "Unnamed user";
  return (
    <Panel labelledBy="profile-name">
      <div className={styles.identity}>
        <Avatar name={name} size={72} color="brand" aria-hidden="true" />
        <div className={styles.who}>
          <Subtitle1 as="h2" id="profile-name" className={styles.name} block>
            {name}
          </Subtitle1>
          <Text block className={styles.quiet}>
            {[profile.jobTitle, profile.department].filter(Boolean).join(", ") || "No job title"}
          </Text>
          <Text block className={styles.quiet}>
            {profile.userPrincipalName}
          </Text>
        </div>
        <Button icon={<ArrowClockwiseRegular />} onClick={onRefresh} disabledFocusable={refreshing}>
          Refresh
        </Button>
      </div>
      <Facts
        facts={[
          { term: "First name", value: profile.givenName },
          { term: "Last name", value: profile.surname },
          { term: "Job title", value: profile.jobTitle },
          { term: "Department", value: profile.department },
          { term: "City", value: profile.city },
          { term: "Country or region", value: profile.country },
          { term: "Employee number", value: profile.employeeId },
        ]}
      />
    </Panel>
  );
}
