import { createContext, useContext } from "react";
import type { ApiClient } from "./client";

/** The API for the account that is shown. Absent while nobody is signed in. */
export const ApiContext = createContext<ApiClient | null>(null);

export function useApi(): ApiClient {
  const api = useContext(ApiContext);
  if (!api) {
    throw new Error("useApi needs a signed-in account: render it inside the ApiContext of one.");
  }
  return api;
}
