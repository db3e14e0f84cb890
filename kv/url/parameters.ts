/**
 * The parts of a store's URL. Pure.
 *
 * @module
 */
import type { Invalid, Traits } from "./traits.ts";

const PARAMETERS = [
  ...["tls", "ca", "cert", "key", "prefix", "username"],
  ...["password", "password-file", "token", "token-file"],
];

/** Takes a URL apart. Nothing is decoded yet, so each delimiter is one. */
export function split(rest: string, invalid: Invalid): {
  web?: string;
  userinfo?: string;
  hosts: string;
  path: string;
  query: string;
} {
  const [, web, body] = /^(?:(https?):)?(?:\/\/)?(.*)$/s.exec(rest)!;
  const [, authority, path, query = ""] = /^([^/?]*)([^?]*)(?:\?(.*))?$/s.exec(body!)!;
  const at = authority!.lastIndexOf("@");
  // Beyond this no part of a user name or a password is taken for something that is safe to show.
  if (rest.split("@").length > (at === -1 ? 1 : 2)) {
    throw invalid(
      `it has an "@" where none can be`,
      `percent-encode "@", "/", "?" and "&" in names and passwords`,
    );
  }
  return {
    ...web !== undefined && { web },
    ...at !== -1 && { userinfo: authority!.slice(0, at) },
    hosts: authority!.slice(at + 1),
    path: path!,
    query,
  };
}

/** Decodes a part that may be secret. */
export function decode(
  text: string,
  { what, invalid }: { what: string; invalid: Invalid },
): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(`its ${what} has a "%" without two hexadecimal digits`, `write "%25" for "%"`);
  }
}

/** The parameters of a query. */
export function parameters(query: string, invalid: Invalid): Map<string, string> {
  const given = new Map<string, string>();
  const secret = /(^|&)(password|token)=/.test(query);
  for (const pair of query === "" ? [] : query.split("&")) {
    const equals = pair.indexOf("=");
    const name = equals === -1 ? pair : pair.slice(0, equals);
    if (!PARAMETERS.includes(name)) {
      // After a password it may be the rest of it.
      throw invalid(
        `it has an unknown parameter${secret ? "" : ` ${JSON.stringify(name)}`}`,
        `known: ${PARAMETERS.join(", ")}`,
      );
    }
    if (given.has(name)) throw invalid(`it gives "${name}" twice`, "give it once");
    const value = equals === -1
      ? ""
      : decode(pair.slice(equals + 1), { what: `"${name}"`, invalid });
    if (value === "") throw invalid(`its "${name}" is empty`, `write ${name}=VALUE`);
    given.set(name, value);
  }
  return given;
}

/** Adds a user name and a password of `NAME:PASSWORD@` to the parameters. */
export function login(
  userinfo: string,
  { given, invalid }: { given: Map<string, string>; invalid: Invalid },
): void {
  const colon = userinfo.indexOf(":");
  const name = decode(colon === -1 ? userinfo : userinfo.slice(0, colon), {
    what: "user name",
    invalid,
  });
  const password = colon === -1
    ? ""
    : decode(userinfo.slice(colon + 1), { what: "password", invalid });
  for (const [key, value] of [["username", name], ["password", password]] as const) {
    if (value === "") continue;
    if (given.has(key)) throw invalid(`it gives "${key}" twice`, "give it once");
    given.set(key, value);
  }
  if (name === "") throw invalid(`it has a "@" and no user name before it`);
}

/** Refuses what this store can't use. */
export function refuseForeign(
  given: ReadonlyMap<string, string>,
  { traits, invalid }: { traits: Traits; invalid: Invalid },
): void {
  const [foreign, remedy] = traits.login === "token"
    ? [["username", "password", "password-file"], "it takes token= or token-file="]
    : [["token", "token-file"], "it takes username= and password= or password-file="];
  for (const name of foreign) {
    if (given.has(name)) throw invalid(`this store has no ${name}`, remedy);
  }
  for (const name of traits.files ? [] : ["ca", "cert", "key"]) {
    if (given.has(name)) {
      throw invalid(`this store takes no ${name}`, "set DENO_CERT to a file of authorities");
    }
  }
  for (const secret of ["password", "token"]) {
    if (given.has(secret) && given.has(`${secret}-file`)) {
      throw invalid(`it gives "${secret}" and "${secret}-file"`, "give one of them");
    }
  }
}
