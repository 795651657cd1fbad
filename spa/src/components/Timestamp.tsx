import { Text, makeStyles, tokens } from "@fluentui/react-components";
import { absoluteTime, relativeTime, useNow } from "./time";

const useStyles = makeStyles({
  time: { display: "block" },
  exact: { color: tokens.colorNeutralForeground3 },
});

interface TimestampProps {
  /** ISO 8601. Null, or what is no time, shows `absent`. */
  readonly at: string | null;
  readonly absent: string;
}

/** A moment told both ways: how far away it is, and exactly when. */
export function Timestamp({ at, absent }: TimestampProps) {
  const styles = useStyles();
  const now = useNow(10_000);
  const date = new Date(at ?? NaN);
  if (Number.isNaN(date.getTime())) {
    return <Text>{absent}</Text>;
  }
  return (
    <time dateTime={date.toISOString()} className={styles.time}>
      <Text weight="semibold" block>
        {relativeTime(date, new Date(now))}
      </Text>
      <Text size={200} block className={styles.exact}>
        {absoluteTime(date)}
      </Text>
    </time>
  );
}
