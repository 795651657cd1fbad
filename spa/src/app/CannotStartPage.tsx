import { SETTINGS_PATH, SettingsError } from "../config/env";

/** Shown instead of the app when it cannot start. Plain on purpose: it must work when little else does. */
export function CannotStartPage({ error }: { readonly error: unknown }) {
  const isSettings = error instanceof SettingsError;
  return (
    <main className="problem-page">
      <h1>{isSettings ? "This page is not set up yet" : "This page could not start"}</h1>
      {isSettings ? (
        <>
          <p>
            Its settings in <code>{SETTINGS_PATH}</code> need attention:
          </p>
          <ul>
            {error.problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
          <p>
            The file is read at start, so after a change loading this page again is enough.{" "}
            <a href="/config.example.json">config.example.json</a> shows what it holds.
          </p>
        </>
      ) : (
        <p>{error instanceof Error ? error.message : "No reason was given."}</p>
      )}
      <p>
        <a href={window.location.href}>Load again</a>
      </p>
    </main>
  );
}
