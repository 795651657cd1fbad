import { Text, makeStyles, tokens, typographyStyles } from "@fluentui/react-components";
import { type ReactNode, useEffect, useRef } from "react";
import { useLocation } from "react-router";

const useStyles = makeStyles({
  header: {
    display: "flex",
    flexDirection: "column",
    gap: tokens.spacingVerticalXS,
    marginBottom: tokens.spacingVerticalXXL,
  },
  heading: {
    ...typographyStyles.title1,
    fontSize: "clamp(1.6rem, 5vw, 2.1rem)",
    lineHeight: 1.25,
    margin: 0,
    outlineStyle: "none",
    overflowWrap: "anywhere",
  },
  lead: { margin: 0, color: tokens.colorNeutralForeground2, maxWidth: "68ch" },
});

interface PageProps {
  readonly title: string;
  readonly lead?: ReactNode;
  readonly children: ReactNode;
}

/** One page: its document title, its heading, and the focus on the heading after navigation, so that a screen reader reads it. */
export function Page({ title, lead, children }: PageProps) {
  const styles = useStyles();
  const heading = useRef<HTMLHeadingElement>(null);
  // The router calls the page that was loaded, rather than navigated to, "default"; there the browser has the focus.
  const navigated = useLocation().key !== "default";

  useEffect(() => {
    document.title = `${title} · Shared token cache`;
    if (navigated) {
      heading.current?.focus();
    }
  }, [title, navigated]);

  return (
    <>
      <header className={styles.header}>
        <h1 ref={heading} tabIndex={-1} className={styles.heading}>
          {title}
        </h1>
        {lead && (
          <Text as="p" size={400} block className={styles.lead}>
            {lead}
          </Text>
        )}
      </header>
      {children}
    </>
  );
}
