import { useCallback } from "react";
import { useApi } from "../../api/ApiContext";
import type { BackgroundAccess } from "../../api/types";
import { type Resource, useResource } from "../../api/useResource";

const REFRESH_EVERY_MS = 15_000;

/** What the sweep does for the user, kept fresh while the page is visible. Looking at it does not count as activity. */
export function useBackgroundAccess(): Resource<BackgroundAccess> {
  const api = useApi();
  return useResource(
    useCallback((signal: AbortSignal) => api.backgroundAccess(signal), [api]),
    REFRESH_EVERY_MS,
  );
}
