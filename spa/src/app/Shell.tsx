import { Badge, Text, makeStyles, tokens } from "@fluentui/react-components";
import { type ReactNode, useRef } from "react";
import { NavLink } from "react-router";
import type { Settings } from "../config/env";
import { useKeptFocus } from "./useKeptFocus";

const WIDTH = "1040px";
const SIDE = "clamp(16px, 4vw, 32px)";

const useStyles = makeStyles({
  page: {
    minHeight: "100vh",
    display: "flex",
    flexDirection: "column",
    backgroundColor: tokens.colorNeutralBackground3,
    backgroundImage: `linear-gradient(${tokens.colorBrandBackground2}, transparent 380px)`,
    color: tokens.colorNeutralForeground1,
  },
  skip: {
    position: "absolute",
    insetInlineStart: tokens.spacingHorizontalM,
    top: "-100px",
    zIndex: 10,
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalL}`,
    borderRadius: tokens.borderRadiusMedium,
    backgroundColor: tokens.colorNeutralBackground1,
    color: tokens.colorBrandForegroundLink,
    boxShadow: tokens.shadow16,
    ":focus": { top: tokens.spacingVerticalM },
  },
  header: { backgroundColor: tokens.colorNeutralBackground1, borderBottom: `1px solid ${tokens.colorNeutralStroke2}` },
  bar: {
    boxSizing: "border-box",
    maxWidth: WIDTH,
    margin: "0 auto",
    padding: `${tokens.spacingVerticalM} ${SIDE}`,
    display: "flex",
    alignItems: "center",
    gap: tokens.spacingHorizontalM,
  },
  brand: {
    display: "flex",
    alignItems: "center",
    gap: tokens.spacingHorizontalM,
    minWidth: 0,
    color: "inherit",
    textDecorationLine: "none",
    borderRadius: tokens.borderRadiusMedium,
  },
  brandName: { "@media (max-width: 400px)": { display: "none" } },
  tools: {
    marginInlineStart: "auto",
    display: "flex",
    alignItems: "center",
    gap: tokens.spacingHorizontalXS,
    minWidth: 0,
  },
  nav: { boxSizing: "border-box", maxWidth: WIDTH, margin: "0 auto", padding: `0 ${SIDE}` },
  navList: {
    display: "flex",
    gap: tokens.spacingHorizontalXL,
    listStyleType: "none",
    margin: 0,
    padding: 0,
    overflowX: "auto",
  },
  navLink: {
    display: "block",
    padding: `${tokens.spacingVerticalS} 0 ${tokens.spacingVerticalM}`,
    color: tokens.colorNeutralForeground2,
    textDecorationLine: "none",
    whiteSpace: "nowrap",
    borderBottom: "3px solid transparent",
    ":hover": { color: tokens.colorNeutralForeground1, borderBottomColor: tokens.colorNeutralStroke1 },
    ":focus-visible": { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: "-2px" },
    '&[aria-current="page"]': {
      color: tokens.colorNeutralForeground1,
      fontWeight: tokens.fontWeightSemibold,
      borderBottomColor: tokens.colorBrandStroke1,
    },
    '&[aria-current="page"]:hover': { borderBottomColor: tokens.colorBrandStroke1 },
  },
  main: {
    flex: 1,
    width: "100%",
    maxWidth: WIDTH,
    boxSizing: "border-box",
    margin: "0 auto",
    padding: `clamp(24px, 5vw, 44px) ${SIDE} 64px`,
    outlineStyle: "none",
  },
  footer: {
    maxWidth: WIDTH,
    width: "100%",
    boxSizing: "border-box",
    margin: "0 auto",
    padding: `${tokens.spacingVerticalL} ${SIDE} ${tokens.spacingVerticalXXL}`,
    display: "flex",
    flexWrap: "wrap",
    gap: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalXL}`,
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
  },
  footerLink: { color: tokens.colorBrandForegroundLink },
});

interface ShellProps {
  readonly settings: Settings;
  /** Theme and account menus. */
  readonly tools: ReactNode;
  /** Off while nobody is signed in: every address then shows the welcome. */
  readonly withNavigation: boolean;
  readonly children: ReactNode;
}

/** What surrounds every page: skip link, header, navigation, footer. */
export function Shell({ settings, tools, withNavigation, children }: ShellProps) {
  const styles = useStyles();
  const main = useRef<HTMLElement>(null);
  useKeptFocus(main);
  return (
    <div className={styles.page}>
      <a href="#main" className={styles.skip}>
        Skip to content
      </a>
      <header className={styles.header}>
        <div className={styles.bar}>
          <NavLink to="/" className={styles.brand} aria-label="Shared token cache, home">
            <img src="/favicon.svg" width="32" height="32" alt="" />
            <Text weight="semibold" size={400} className={styles.brandName}>
              Shared token cache
            </Text>
          </NavLink>
          {settings.environmentLabel && <Badge appearance="outline">{settings.environmentLabel}</Badge>}
          <div className={styles.tools}>{tools}</div>
        </div>
        {withNavigation && (
          <nav aria-label="Pages" className={styles.nav}>
            <ul className={styles.navList}>
              {PAGES.map(({ to, label }) => (
                <li key={to}>
                  <NavLink to={to} end className={styles.navLink}>
                    {label}
                  </NavLink>
                </li>
              ))}
            </ul>
          </nav>
        )}
      </header>
      <main ref={main} id="main" tabIndex={-1} className={styles.main}>
        {children}
      </main>
      <footer className={styles.footer}>
        <span>No token is shown or logged by this page.</span>
        {settings.links.map(({ label, url }) => (
          <a key={url} href={url} className={styles.footerLink}>
            {label}
          </a>
        ))}
      </footer>
    </div>
  );
}

const PAGES = [
  { to: "/", label: "Profile" },
  { to: "/background", label: "Background access" },
  { to: "/claims", label: "ID token" },
] as const;
