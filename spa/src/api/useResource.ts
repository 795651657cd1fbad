import { useCallback, useEffect, useReducer, useRef } from "react";
import { ApiError } from "./errors";

export interface Resource<T> {
  /** The last good answer. Kept while a newer one is fetched or has failed. */
  readonly data: T | undefined;
  /** Why the last attempt failed; undefined after a good one. */
  readonly error: unknown;
  readonly loading: boolean;
  /** Whether the user waited for the attempt that failed: it was the first, or asked for with `reload`. */
  readonly awaited: boolean;
  /** When `data` came, in milliseconds since 1970. */
  readonly loadedAt: number | undefined;
  /** Fetches again and drops any answer still under way. Resolves when done, well or not. */
  readonly reload: () => Promise<void>;
}

interface State<T> {
  readonly data: T | undefined;
  readonly error: unknown;
  readonly loading: boolean;
  readonly awaited: boolean;
  readonly loadedAt: number | undefined;
}

type Event<T> =
  { type: "started" } | { type: "loaded"; data: T; at: number } | { type: "failed"; error: unknown; awaited: boolean };

/**
 * Loads something when shown and, with `refreshEveryMs`, again and again while the page is visible.
 *
 * It goes on refreshing only after a good answer or none at all: an API that says "busy" or "sign in" gets its rest.
 * `load` must keep its identity between renders.
 */
export function useResource<T>(load: (signal: AbortSignal) => Promise<T>, refreshEveryMs?: number): Resource<T> {
  const [state, dispatch] = useReducer(reduce<T>, {
    data: undefined,
    error: undefined,
    loading: true,
    awaited: true,
    loadedAt: undefined,
  });
  const underWay = useRef<AbortController | null>(null);

  const fetchAnew = useCallback(
    async (awaited: boolean) => {
      underWay.current?.abort();
      const controller = new AbortController();
      underWay.current = controller;
      dispatch({ type: "started" });
      try {
        const data = await load(controller.signal);
        if (!controller.signal.aborted) {
          dispatch({ type: "loaded", data, at: Date.now() });
        }
      } catch (error) {
        if (!controller.signal.aborted) {
          dispatch({ type: "failed", error, awaited });
        }
      }
    },
    [load],
  );
  const reload = useCallback(() => fetchAnew(true), [fetchAnew]);

  useEffect(() => {
    void reload();
    return () => {
      underWay.current?.abort();
    };
  }, [reload]);

  const mayRefresh =
    !state.loading &&
    (state.error === undefined || (state.error instanceof ApiError && state.error.kind === "unreachable"));
  useEffect(() => {
    if (refreshEveryMs === undefined || !mayRefresh) {
      return;
    }
    let missed = false;
    const refresh = () => {
      if (document.visibilityState === "visible") {
        void fetchAnew(false);
      } else {
        missed = true;
      }
    };
    const catchUp = () => {
      if (missed) {
        refresh();
      }
    };
    const timer = setInterval(refresh, refreshEveryMs);
    document.addEventListener("visibilitychange", catchUp);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", catchUp);
    };
  }, [refreshEveryMs, mayRefresh, fetchAnew]);

  return { ...state, reload };
}

function reduce<T>(state: State<T>, event: Event<T>): State<T> {
  switch (event.type) {
    case "started":
      return { ...state, loading: true };
    case "loaded":
      return { ...state, data: event.data, error: undefined, loading: false, loadedAt: event.at };
    case "failed":
      return { ...state, error: event.error, awaited: event.awaited, loading: false };
  }
}
