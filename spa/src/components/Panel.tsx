import { makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";

const useStyles = makeStyles({
  panel: {
    backgroundColor: tokens.colorNeutralBackground1,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusXLarge,
    boxShadow: tokens.shadow4,
    padding: `${tokens.spacingVerticalXXL} clamp(16px, 4vw, 28px)`,
  },
});

interface PanelProps {
  readonly children: ReactNode;
  readonly className?: string;
  /** Id of the heading that names this panel. */
  readonly labelledBy?: string;
}

/** A raised surface for one subject. */
export function Panel({ children, className, labelledBy }: PanelProps) {
  const styles = useStyles();
  return (
    <section className={mergeClasses(styles.panel, className)} aria-labelledby={labelledBy}>
      {children}
    </section>
  );
}
