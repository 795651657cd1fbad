import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  DialogTrigger,
} from "@fluentui/react-components";
import { useState } from "react";
import { ErrorNotice } from "../../components/ErrorNotice";

interface StopDialogProps {
  /** Ends background access. Its failure is shown in the dialog, which then stays open. */
  readonly onStop: () => Promise<void>;
  readonly onStopped: () => void;
}

export function StopDialog({ onStop, onStopped }: StopDialogProps) {
  const [open, setOpen] = useState(false);
  const [stopping, setStopping] = useState(false);
  const [error, setError] = useState<unknown>();

  const stop = async () => {
    setStopping(true);
    try {
      await onStop();
      setError(undefined);
      setOpen(false);
      // Only now, as what is behind an open dialog is not read out: the page tells the new status.
      onStopped();
    } catch (failure) {
      setError(failure);
    } finally {
      setStopping(false);
    }
  };

  return (
    <Dialog
      open={open}
      onOpenChange={(_, next) => {
        setOpen(next.open);
        setError(undefined);
      }}
    >
      <DialogTrigger disableButtonEnhancement>
        <Button>Stop acting for me</Button>
      </DialogTrigger>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>Stop acting for me?</DialogTitle>
          <DialogContent>
            <p>
              The service erases your stored sign-in, your profile as it last saw it, and its record of you. It does
              nothing more for you while you are away.
            </p>
            <p>You stay signed in here. The service acts for you again only if you ask it to.</p>
            {error !== undefined && (
              <ErrorNotice error={error} onRetry={() => void stop()} retrying={stopping} headingLevel="h3" />
            )}
          </DialogContent>
          <DialogActions>
            <DialogTrigger disableButtonEnhancement>
              <Button>Cancel</Button>
            </DialogTrigger>
            <Button appearance="primary" onClick={() => void stop()} disabledFocusable={stopping}>
              {stopping ? "Stopping…" : "Stop"}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
