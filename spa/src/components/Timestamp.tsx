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
  /** Whether the moment has been or is yet to come, by the server's word. */
  readonly kind?: "past" | "coming";
}

/** A moment told both ways: how far away it is, and exactly when. */
export function Timestamp({ at, absent, kind = "past" }: TimestampProps) {
  const styles = useStyles();
  const now = useNow(10_000);
  const date = new Date(at ?? NaN);
  if (Number.isNaN(date.getTime())) {
    return <Text>{absent}</Text>;
  }
  const exact = absoluteTime(date);
  const distance = relativeTime(date, new Date(now), kind);
  return (
    <time dateTime={date.toISOString()} className={styles.time}>
      <Text weight="semibold" block>
        {distance ?? exact}
      </Text>
      {distance && (
        <Text size={200} block className={styles.exact}>
          {exact}
        </Text>
      )}
    </time>
  );
}
