import { Subtitle2, Text, makeStyles, tokens } from "@fluentui/react-components";
import { useSessionContext } from "../../auth/SessionContext";
import { Page } from "../../components/Page";
import { Panel } from "../../components/Panel";
import { absoluteTime } from "../../components/time";
import { type ClaimGroup, explainClaims } from "./explanations";

const useStyles = makeStyles({
  stack: { display: "flex", flexDirection: "column", gap: tokens.spacingVerticalL },
  heading: { margin: `0 0 ${tokens.spacingVerticalM}` },
  table: { width: "100%", borderCollapse: "collapse", "@media (max-width: 640px)": { display: "block" } },
  body: { "@media (max-width: 640px)": { display: "block" } },
  row: {
    borderTop: `1px solid ${tokens.colorNeutralStroke2}`,
    "@media (max-width: 640px)": { display: "block", padding: `${tokens.spacingVerticalS} 0` },
  },
  cell: {
    textAlign: "start",
    verticalAlign: "top",
    fontWeight: tokens.fontWeightRegular,
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalL} ${tokens.spacingVerticalS} 0`,
    "@media (max-width: 640px)": { display: "block", width: "auto", padding: `${tokens.spacingVerticalXXS} 0` },
  },
  name: {
    width: "20%",
    fontFamily: tokens.fontFamilyMonospace,
    fontWeight: tokens.fontWeightSemibold,
    color: tokens.colorBrandForeground1,
  },
  value: { width: "38%", overflowWrap: "anywhere" },
  raw: { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200 },
  meaning: { color: tokens.colorNeutralForeground2 },
});

/** What the ID token says about the user, each claim with what it is for. The token itself is never shown. */
export function ClaimsPage() {
  const styles = useStyles();
  const { account } = useSessionContext();
  const groups = explainClaims(account?.idTokenClaims ?? {}, absoluteTime);
  return (
    <Page
      title="ID token"
      lead="What Microsoft Entra ID told this page about you when you signed in. This page uses it to greet you; the API has its own token and never sees this one."
    >
      <div className={styles.stack}>
        {groups.length === 0 && <Text>Your sign-in came without an ID token. Sign out and in again to get one.</Text>}
        {groups.map((group) => (
          <ClaimsTable key={group.title} group={group} />
        ))}
      </div>
    </Page>
  );
}

function ClaimsTable({ group }: { readonly group: ClaimGroup }) {
  const styles = useStyles();
  const headingId = `claims-${group.title.toLowerCase().replaceAll(/\W+/g, "-")}`;
  return (
    <Panel labelledBy={headingId}>
      <Subtitle2 as="h2" id={headingId} block className={styles.heading}>
        {group.title}
      </Subtitle2>
      <table className={styles.table} aria-labelledby={headingId}>
        <thead className="visually-hidden">
          <tr>
            <th scope="col">Claim</th>
            <th scope="col">Value</th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody className={styles.body}>
          {group.claims.map((claim) => (
            <tr key={claim.name} className={styles.row}>
              <th scope="row" className={`${styles.cell} ${styles.name}`}>
                {claim.name}
              </th>
              <td className={`${styles.cell} ${styles.value}`}>
                {claim.reading && <Text block>{claim.reading}</Text>}
                <span className={styles.raw}>{claim.value}</span>
              </td>
              <td className={`${styles.cell} ${styles.meaning}`}>{claim.meaning}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
