import { makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import type { ReactElement } from "react";

const useStyles = makeStyles({
  tile: {
    display: "grid",
    placeItems: "center",
    flexShrink: 0,
    width: "56px",
    height: "56px",
    borderRadius: tokens.borderRadiusXLarge,
    fontSize: "30px",
  },
  good: { backgroundColor: tokens.colorStatusSuccessBackground1, color: tokens.colorStatusSuccessForeground1 },
  careful: { backgroundColor: tokens.colorStatusWarningBackground1, color: tokens.colorStatusWarningForeground1 },
  bad: { backgroundColor: tokens.colorStatusDangerBackground1, color: tokens.colorStatusDangerForeground1 },
  neutral: { backgroundColor: tokens.colorNeutralBackground4, color: tokens.colorNeutralForeground2 },
});

interface StateTileProps {
  readonly tone: "good" | "careful" | "bad" | "neutral";
  readonly icon: ReactElement;
}

/** A picture for the state that the text beside it tells. */
export function StateTile({ tone, icon }: StateTileProps) {
  const styles = useStyles();
  return (
    <div className={mergeClasses(styles.tile, styles[tone])} aria-hidden="true">
      {icon}
    </div>
  );
}
