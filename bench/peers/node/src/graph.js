// @ts-check
import { send } from "./http.js";
import { required } from "./msal.js";

const PROPERTIES =
  "displayName,givenName,surname,userPrincipalName,jobTitle,department,city,country,employeeId".split(",");
const url = `${required("GRAPH_BASE_URL")}/me?$select=${PROPERTIES.join(",")}`;

/** The user's profile. @param {string} token */
export async function me(token) {
  const answer = await send(url, { headers: { Authorization: `Bearer ${token}`, Accept: "application/json" } });
  if (answer.status !== 200) throw new Error(`Graph answered ${answer.status}`);
  const user = JSON.parse(answer.text);
  return Object.fromEntries(PROPERTIES.map((name) => [name, user[name] ?? null]));
}
