import { Button, Text, makeStyles, tokens } from "@fluentui/react-components";
import { useEffect, useState } from "react";

const useStyles = makeStyles({
  row: { display: "flex", alignItems: "center", gap: tokens.spacingHorizontalM, flexWrap: "wrap" },
});

interface CountdownProps {
  readonly seconds: number;
  readonly onRetry: () => void;
  /** A retry is under way. */
  readonly retrying?: boolean;
}

/** Counts down to the moment a retry is welcome, then offers it. It never retries by itself. */
export function Countdown({ seconds, onRetry, retrying = false }: CountdownProps) {
  const styles = useStyles();
  const [endsAt] = useState(() => Date.now() + seconds * 1000);
  const [left, setLeft] = useState(seconds);
  const waiting = left > 0;
  const counted = seconds > 0;

  useEffect(() => {
    if (!waiting) {
      return;
    }
    // Measured against the clock, since timers are held back in hidden tabs.
    const timer = setInterval(() => {
      setLeft(Math.max(0, Math.ceil((endsAt - Date.now()) / 1000)));
    }, 250);
    return () => {
      clearInterval(timer);
    };
  }, [waiting, endsAt]);

  return (
    <div className={styles.row}>
      <Button size="large" onClick={onRetry} disabledFocusable={waiting || retrying}>
        Try again
      </Button>
      {waiting && (
        <Text aria-hidden="true">
          in {left} {left === 1 ? "second" : "seconds"}
        </Text>
      )}
      {/* Said once at each end rather than every second. */}
      <Text role="status" className="visually-hidden">
        {waiting ? `You can try again in ${seconds} seconds.` : counted && "You can try again now."}
      </Text>
    </div>
  );
}
