import { useCallback } from "react";
import { useApi } from "../../api/ApiContext";
import type { Profile } from "../../api/types";
import { type Resource, useResource } from "../../api/useResource";

/** The signed-in user's profile. Loading it counts as activity, and stores what the sweep later needs. */
export function useProfile(): Resource<Profile> {
  const api = useApi();
  return useResource(useCallback((signal: AbortSignal) => api.profile(signal), [api]));
}
