import { MsalProvider } from "@azure/msal-react";
import { AriaLiveAnnouncer, Button, FluentProvider } from "@fluentui/react-components";
import { type ReactNode, Suspense, lazy, useEffect, useMemo, useState } from "react";
import { BrowserRouter, Route, Routes } from "react-router";
import { ApiContext } from "../api/ApiContext";
import { createApiClient } from "../api/client";
import { exchangeNewSignIns } from "../api/exchangeNewSignIns";
import { SessionContext } from "../auth/SessionContext";
import { describeSignInProblem } from "../auth/errors";
import type { StartedMsal } from "../auth/msal";
import { useAccessToken } from "../auth/useAccessToken";
import { useSession } from "../auth/useSession";
import { Loading } from "../components/Loading";
import { SignInProblemNotice } from "../components/SignInProblemNotice";
import type { Settings } from "../config/env";
import { ProfilePage } from "../features/profile/ProfilePage";
import { WelcomePage } from "../features/welcome/WelcomePage";
import { AccountMenu } from "./AccountMenu";
import { ErrorBoundary } from "./ErrorBoundary";
import { NotFoundPage } from "./NotFoundPage";
import { Shell } from "./Shell";
import { ThemeMenu } from "./ThemeMenu";
import { useColorScheme } from "./colorScheme";
import { darkTheme, lightTheme } from "./theme";

const BackgroundPage = lazy(async () => ({
  default: (await import("../features/background/BackgroundPage")).BackgroundPage,
}));
const ClaimsPage = lazy(async () => ({ default: (await import("../features/claims/ClaimsPage")).ClaimsPage }));

export interface AppProps {
  readonly settings: Settings;
  readonly msal: StartedMsal;
}

/** Providers around the pages. */
export function App({ settings, msal }: AppProps) {
  return (
    <ErrorBoundary>
      <MsalProvider instance={msal.instance}>
        <BrowserRouter>
          <Content settings={settings} msal={msal} />
        </BrowserRouter>
      </MsalProvider>
    </ErrorBoundary>
  );
}

function Content({ settings, msal }: AppProps) {
  const scheme = useColorScheme();
  const session = useSession(settings.apiScopes);
  const [problem, setProblem] = useState<unknown>(null);
  // MSAL's provider learns of the accounts a moment after the first render; `startMsal` has chosen one already.
  const account = session.account ?? msal.instance.getActiveAccount();

  useEffect(() => {
    document.documentElement.style.colorScheme = scheme.choice === "system" ? "light dark" : scheme.choice;
    document.documentElement.dataset.colorScheme = scheme.effective;
  }, [scheme.choice, scheme.effective]);

  return (
    <FluentProvider theme={scheme.effective === "dark" ? darkTheme : lightTheme}>
      <AriaLiveAnnouncer>
        <SessionContext.Provider value={session}>
          <Shell
            settings={settings}
            withNavigation={account !== null}
            tools={
              <>
                <ThemeMenu scheme={scheme} />
                {account && <AccountMenu session={session} account={account} onProblem={setProblem} />}
              </>
            }
          >
            {problem !== null && (
              <DismissibleProblem
                error={problem}
                onDismiss={() => {
                  setProblem(null);
                }}
              />
            )}
            {account ? (
              // The key starts every page afresh for another account, so that no one sees what was loaded for someone else.
              <SignedIn
                key={account.homeAccountId}
                settings={settings}
                homeAccountId={account.homeAccountId}
                takeNewSignIn={msal.takeNewSignIn}
              >
                <Pages />
              </SignedIn>
            ) : (
              <WelcomePage returnProblem={msal.problem} />
            )}
          </Shell>
        </SessionContext.Provider>
      </AriaLiveAnnouncer>
    </FluentProvider>
  );
}

interface SignedInProps {
  readonly settings: Settings;
  readonly homeAccountId: string;
  readonly takeNewSignIn: StartedMsal["takeNewSignIn"];
  readonly children: ReactNode;
}

/** Gives the pages the API as this account. */
function SignedIn({ settings, homeAccountId, takeNewSignIn, children }: SignedInProps) {
  const getToken = useAccessToken(homeAccountId, settings.apiScopes);
  const api = useMemo(
    () => exchangeNewSignIns(createApiClient(settings.apiBaseUrl, getToken), () => takeNewSignIn(homeAccountId)),
    [settings.apiBaseUrl, getToken, homeAccountId, takeNewSignIn],
  );
  return <ApiContext.Provider value={api}>{children}</ApiContext.Provider>;
}

function Pages() {
  return (
    <Suspense fallback={<Loading label="Loading the page" lines={6} />}>
      <Routes>
        <Route path="/" element={<ProfilePage />} />
        <Route path="/background" element={<BackgroundPage />} />
        <Route path="/claims" element={<ClaimsPage />} />
        <Route path="*" element={<NotFoundPage />} />
      </Routes>
    </Suspense>
  );
}

interface DismissibleProblemProps {
  readonly error: unknown;
  readonly onDismiss: () => void;
}

function DismissibleProblem({ error, onDismiss }: DismissibleProblemProps) {
  const problem = useMemo(() => describeSignInProblem(error), [error]);
  return (
    <div style={{ marginBottom: 24 }}>
      <SignInProblemNotice problem={problem} actions={<Button onClick={onDismiss}>Close</Button>} />
    </div>
  );
}
