import { useCallback, useEffect, useReducer, useRef } from "react";
import { ApiError } from "./errors";

export interface Resource<T> {
  /** The last good answer. Kept while a newer one is fetched or has failed. */
  readonly data: T | undefined;
  /** Why the last attempt failed; undefined after a good one. */
  readonly error: unknown;
  readonly loading: boolean;
  /** When `data` came, in milliseconds since 1970. */
  readonly loadedAt: number | undefined;
  /** Fetches again and drops any answer still under way. Resolves when done, well or not. */
  readonly reload: () => Promise<void>;
}

interface State<T> {
  readonly data: T | undefined;
  readonly error: unknown;
  readonly loading: boolean;
  readonly loadedAt: number | undefined;
}

type Event<T> = { type: "started" } | { type: "loaded"; data: T; at: number } | { type: "failed"; error: unknown };

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
    loadedAt: undefined,
  });
  const underWay = useRef<AbortController | null>(null);

  const reload = useCallback(async () => {
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
        dispatch({ type: "failed", error });
      }
    }
  }, [load]);

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
        void reload();
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
  }, [refreshEveryMs, mayRefresh, reload]);

  return { ...state, reload };
}

function reduce<T>(state: State<T>, event: Event<T>): State<T> {
  switch (event.type) {
    case "started":
      return { ...state, loading: true };
    case "loaded":
      return { data: event.data, error: undefined, loading: false, loadedAt: event.at };
    case "failed":
      return { ...state, error: event.error, loading: false };
  }
}
