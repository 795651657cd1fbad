import { Subtitle1, makeStyles, tokens } from "@fluentui/react-components";
import { type ReactElement, type ReactNode, useEffect, useId, useRef } from "react";
import { StateTile } from "./StateTile";

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
  actions: {
    marginTop: tokens.spacingVerticalL,
    display: "flex",
    flexDirection: "column",
    alignItems: "flex-start",
    gap: tokens.spacingVerticalM,
  },
});

interface NoticeProps {
  readonly tone: "careful" | "bad" | "neutral";
  readonly icon: ReactElement;
  readonly title: string;
  readonly detail: string;
  /** What it is about. Another subject is news, even when it reads the same. */
  readonly subject: unknown;
  /**
   * True when the user waits for what this tells: it then takes the focus. False when it happened behind their back: then it
   * is only read out.
   */
  readonly awaited: boolean;
  /** Where it stands among the headings. */
  readonly headingLevel: "h2" | "h3";
  /** The buttons that help. */
  readonly actions?: ReactNode;
  readonly children?: ReactNode;
}

/** Something the user has to know, in a panel of its own. */
export function Notice({ tone, icon, title, detail, subject, awaited, headingLevel, actions, children }: NoticeProps) {
  const styles = useStyles();
  const id = useId();
  const notice = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (awaited) {
      notice.current?.focus();
    }
  }, [subject, awaited]);

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
      <StateTile tone={tone} icon={icon} />
      <div className={styles.text}>
        <Subtitle1 as={headingLevel} id={`${id}-title`} block className={styles.title}>
          {title}
        </Subtitle1>
        <p id={`${id}-detail`} className={styles.detail}>
          {detail}
        </p>
        {actions && <div className={styles.actions}>{actions}</div>}
        {children}
      </div>
    </div>
  );
}
