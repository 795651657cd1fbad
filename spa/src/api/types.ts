import type { components, paths } from "./contract";

type Schemas = components["schemas"];

export type Profile = Schemas["Profile"];
export type BackgroundStatus = Schemas["BackgroundStatus"];
/** What the service does for the user while they are away. */
export type BackgroundAccess = Schemas["BackgroundAccess"];
export type SweepFailure = Schemas["SweepFailure"];

/** A failure as the API words it. Proxies on the way have words of their own, or none. */
export type Problem = Partial<Schemas["Problem"]>;

/** What a `GET` of `Path` answers when all is well. */
export type Answer<Path extends keyof paths> = paths[Path]["get"]["responses"][200]["content"]["application/json"];

/** The paths that take `Method`. */
export type PathOf<Method extends "get" | "delete"> = {
  [Path in keyof paths]: paths[Path] extends Readonly<Record<Method, object>> ? Path : never;
}[keyof paths];
