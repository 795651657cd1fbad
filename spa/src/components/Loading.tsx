import { Skeleton, SkeletonItem, makeStyles, tokens } from "@fluentui/react-components";

const useStyles = makeStyles({
  lines: { display: "flex", flexDirection: "column", gap: tokens.spacingVerticalM },
});

interface LoadingProps {
  /** What is being loaded, for those who do not see the shimmer. */
  readonly label: string;
  readonly lines?: number;
}

/** Stands where content will be. */
export function Loading({ label, lines = 4 }: LoadingProps) {
  const styles = useStyles();
  return (
    <Skeleton aria-label={label} role="status" aria-busy="true" className={styles.lines}>
      {Array.from({ length: lines }, (_, line) => (
        <SkeletonItem key={line} size={16} style={{ width: `${90 - ((line * 23) % 50)}%` }} />
      ))}
    </Skeleton>
  );
}
