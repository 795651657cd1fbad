import { ErrorCircleRegular, InfoRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import type { SignInProblem } from "../auth/errors";
import { Notice } from "./Notice";

interface SignInProblemNoticeProps {
  readonly problem: SignInProblem;
  readonly actions?: ReactNode;
}

/** Why a sign-in or sign-out that the user asked for did not come about. */
export function SignInProblemNotice({ problem, actions }: SignInProblemNoticeProps) {
  const { cancelled, title, detail } = problem;
  return (
    <Notice
      tone={cancelled ? "neutral" : "bad"}
      icon={cancelled ? <InfoRegular /> : <ErrorCircleRegular />}
      title={title}
      detail={detail}
      subject={problem}
      awaited
      headingLevel="h2"
      actions={actions}
    />
  );
}
