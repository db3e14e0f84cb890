/**
 * Logins and files of a store's URL and of the environment. Pure.
 *
 * @module
 */
import type { ParsedStoreUrl } from "./store_url.ts";
import type { Invalid, Traits } from "./traits.ts";

/** Where credentials are looked for: the URL goes before the environment. */
export interface Sources {
  given: ReadonlyMap<string, string>;
  traits: Traits;
  env: Readonly<Record<string, string | undefined>>;
}

/** User name, password, token. @throws what `invalid` makes */
export function credentials(
  { given, traits, env }: Sources,
  invalid: Invalid,
): { username?: string; password?: string; token?: string } {
  const secret = (name: "password" | "token", ...variables: (string | undefined)[]) =>
    given.has(`${name}-file`) ? undefined : given.get(name) ??
      variables.flatMap((variable) => variable !== undefined && env[variable] || []).at(0);
  if (traits.login === "token") {
    const token = secret("token", "NETSVC_KV_TOKEN", traits.tokenVariable);
    return token === undefined ? {} : { token };
  }
  const username = given.get("username") ?? (env.NETSVC_KV_USERNAME || undefined);
  const password = secret("password", "NETSVC_KV_PASSWORD");
  const hasPassword = password !== undefined || given.has("password-file");
  if (username === undefined && hasPassword) {
    throw invalid("it has a password without a user name", "add username=NAME");
  }
  if (username !== undefined && !hasPassword) {
    throw invalid(
      `its user name has no password`,
      "add password-file=PATH or set NETSVC_KV_PASSWORD",
    );
  }
  return {
    ...username !== undefined && { username },
    ...password !== undefined && { password },
  };
}

/** Files whose contents are a part of it. @throws what `invalid` makes */
export function paths(
  { given, traits, env }: Sources,
  invalid: Invalid,
): ParsedStoreUrl["files"] {
  const files: ParsedStoreUrl["files"] = {};
  for (const name of traits.files ? ["ca", "cert", "key"] as const : []) {
    const path = given.get(name) ?? env[`NETSVC_KV_${name.toUpperCase()}`];
    if (path) files[name] = path;
  }
  if ((files.cert === undefined) !== (files.key === undefined)) {
    throw invalid("cert and key go together", "give both or neither");
  }
  for (const name of ["password", "token"] as const) {
    const path = given.get(`${name}-file`);
    if (path !== undefined) files[name] = path;
  }
  return files;
}
