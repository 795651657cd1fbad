import type { AccountInfo } from "@azure/msal-browser";
import {
  Avatar,
  Menu,
  MenuButton,
  MenuDivider,
  MenuGroup,
  MenuGroupHeader,
  MenuItem,
  MenuItemRadio,
  MenuList,
  MenuPopover,
  MenuTrigger,
  makeStyles,
  tokens,
} from "@fluentui/react-components";
import { PersonAddRegular, SignOutRegular } from "@fluentui/react-icons";
import type { Session } from "../auth/useSession";

const useStyles = makeStyles({
  button: {
    minWidth: 0,
    maxWidth: "min(46vw, 260px)",
    gap: tokens.spacingHorizontalXS,
    paddingInline: tokens.spacingHorizontalS,
  },
  label: {
    overflow: "hidden",
    textOverflow: "ellipsis",
    whiteSpace: "nowrap",
    // Only the picture is left on a phone; the name stays for those who do not see it.
    "@media (max-width: 480px)": { position: "absolute", width: "1px", height: "1px", clipPath: "inset(50%)" },
  },
  popover: { maxWidth: "min(92vw, 360px)" },
  name: { display: "block", fontWeight: tokens.fontWeightSemibold, overflowWrap: "anywhere" },
  username: {
    display: "block",
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
    overflowWrap: "anywhere",
  },
});

interface AccountMenuProps {
  readonly session: Session;
  readonly account: AccountInfo;
  /** A sign-in or sign-out that failed. */
  readonly onProblem: (error: unknown) => void;
}

/** Who is signed in; switch between accounts, add one, sign out. */
export function AccountMenu({ session, account, onProblem }: AccountMenuProps) {
  const styles = useStyles();
  const name = account.name ?? account.username;
  return (
    <Menu
      inline
      positioning="below-end"
      checkedValues={{ account: [account.homeAccountId] }}
      onCheckedValueChange={(_, { checkedItems }) => {
        const next = session.accounts.find(({ homeAccountId }) => homeAccountId === checkedItems[0]);
        if (next) {
          session.switchTo(next);
        }
      }}
    >
      <MenuTrigger disableButtonEnhancement>
        <MenuButton
          appearance="subtle"
          className={styles.button}
          icon={<Avatar name={name} size={28} color="brand" aria-hidden="true" />}
        >
          <span className="visually-hidden">Account: </span>
          <span className={styles.label}>{name}</span>
        </MenuButton>
      </MenuTrigger>
      <MenuPopover className={styles.popover}>
        <MenuList>
          <MenuGroup>
            <MenuGroupHeader>Accounts</MenuGroupHeader>
            {session.accounts.map((candidate) => (
              <MenuItemRadio key={candidate.homeAccountId} name="account" value={candidate.homeAccountId}>
                <span className={styles.name}>{candidate.name ?? candidate.username}</span>
                <span className={styles.username}>{candidate.username}</span>
              </MenuItemRadio>
            ))}
          </MenuGroup>
          <MenuDivider />
          <MenuItem
            icon={<PersonAddRegular />}
            onClick={() => {
              session.signIn({ method: "popup", chooseAccount: true }).catch(onProblem);
            }}
          >
            Add another account
          </MenuItem>
          <MenuItem
            icon={<SignOutRegular />}
            onClick={() => {
              session.signOut(account).catch(onProblem);
            }}
          >
            Sign out {account.username}
          </MenuItem>
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}
