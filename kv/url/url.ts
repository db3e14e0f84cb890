/**
 * The grammar of `--kv-store=PROVIDER:URL`. Pure.
 *
 *     local
 *     etcd:h1:2379,h2,[fd00::1]:2379/prefix?ca=/etc/ca.pem
 *     etcd://user:password@h1,h2/prefix
 *     denokv:https://kv.example/prefix
 *
 * All parts but the provider and one endpoint may be left out. What could be taken for another part
 * (`@ / ? & %` in a name or a password) is percent-encoded.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import { checkPrefix, type Endpoint, parseEndpoints } from "./url_parts.ts";

/** Where a store is and how to log in, as its backend gets it. */
export interface StoreUrl {
  provider: Provider;
  /** At least one; none for `local`. */
  endpoints: Endpoint[];
  /** First segments of all keys, without slashes at its ends. */
  prefix: string;
  /** Of denokv alone: path of the server, with its leading slash, or "". */
  path: string;
  /** PEM texts; there, though empty, when TLS is spoken. */
  tls?: { ca?: string; cert?: string; key?: string };
  username?: string;
  password?: string;
  token?: string;
  /** This URL for logs and messages: nothing in it is secret. */
  display: string;
}

/** Contents that a URL may leave to files. */
export const FILES = ["ca", "cert", "key", "password", "token"] as const;

/** A URL whose files are yet to be read. */
export interface ParsedStoreUrl extends Omit<StoreUrl, "tls"> {
  tls: boolean;
  /** Paths. */
  files: Partial<Record<typeof FILES[number], string>>;
}

/** Known stores. */
export const PROVIDERS = ["local", "etcd", "consul", "zookeeper", "denokv"] as const;

/** A known store. */
export type Provider = typeof PROVIDERS[number];

/** First segment of the keys of a URL that names none. */
export const DEFAULT_PREFIX = "netsvc";

interface Traits {
  port: number;
  /** Shown where somebody wrote it wrong. */
  example: string;
  login: "password" | "token";
  /** Takes TLS files of the URL. */
  files: boolean;
  /** Variables of the environment that this store's own tools read. */
  tokenVariable?: string;
}

const TRAITS: Record<Exclude<Provider, "local">, Traits> = {
  etcd: { port: 2379, example: "etcd:HOST:2379", login: "password", files: true },
  consul: {
    port: 8500,
    example: "consul:HOST:8500",
    login: "token",
    files: true,
    tokenVariable: "CONSUL_HTTP_TOKEN",
  },
  zookeeper: { port: 2181, example: "zookeeper:HOST:2181", login: "password", files: true },
  denokv: {
    port: 4512,
    example: "denokv:http://HOST:4512",
    login: "token",
    files: false,
    tokenVariable: "DENO_KV_ACCESS_TOKEN",
  },
};

const SCHEMES: Record<string, { provider: Provider; tls: boolean }> = {
  local: { provider: "local", tls: false },
  etcd: { provider: "etcd", tls: false },
  etcds: { provider: "etcd", tls: true },
  consul: { provider: "consul", tls: false },
  consuls: { provider: "consul", tls: true },
  zookeeper: { provider: "zookeeper", tls: false },
  zookeepers: { provider: "zookeeper", tls: true },
  zk: { provider: "zookeeper", tls: false },
  zks: { provider: "zookeeper", tls: true },
  denokv: { provider: "denokv", tls: false },
  denokvs: { provider: "denokv", tls: true },
};

const PARAMETERS = [
  ...["tls", "ca", "cert", "key", "prefix", "username"],
  ...["password", "password-file", "token", "token-file"],
];

/**
 * Parses the value of `--kv-store`.
 *
 * @param env the environment: `NETSVC_KV_USERNAME`, `_PASSWORD`, `_TOKEN`, `_CA`, `_CERT`, `_KEY`,
 * and the variables of the store's own tools; the URL goes before it
 * @throws {NetsvcError} `invalid`; no message holds a secret
 */
export function parseStoreUrl(
  text: string,
  env: Readonly<Record<string, string | undefined>> = {},
): ParsedStoreUrl {
  const colon = text.indexOf(":");
  const scheme = colon === -1 ? text : text.slice(0, colon);
  const known = Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme]! : undefined;
  if (!known) {
    throw new NetsvcError(
      "invalid",
      `Unknown store ${JSON.stringify(scheme)}; known: ${PROVIDERS.join(", ")}; write ` +
        `--kv-store=PROVIDER:HOST[:PORT]`,
    );
  }
  const rest = colon === -1 ? "" : text.slice(colon + 1);
  if (known.provider === "local") return local(rest);
  return remote(known.provider, known.tls, rest, env);
}

function local(rest: string): ParsedStoreUrl {
  if (rest !== "") {
    throw new NetsvcError(
      "invalid",
      `The store "local" takes no URL: it lies in the --state-dir; write --kv-store=local`,
    );
  }
  const nothing = { endpoints: [], prefix: "", path: "", tls: false, files: {} };
  return { provider: "local", ...nothing, display: "local" };
}

function remote(
  provider: Exclude<Provider, "local">,
  secure: boolean,
  rest: string,
  env: Readonly<Record<string, string | undefined>>,
): ParsedStoreUrl {
  const traits = TRAITS[provider];
  const invalid = (why: string, remedy = `write --kv-store=${traits.example}`) =>
    new NetsvcError("invalid", `Invalid URL of the store "${provider}": ${why}; ${remedy}`);
  const { web, userinfo, hosts, path, query } = split(rest, invalid);
  const given = parameters(query, invalid);
  if (userinfo !== undefined) login(userinfo, given, invalid);
  refuseForeign(given, traits, invalid);
  const { username, password, token } = credentials(given, traits, env, invalid);
  const files = paths(given, traits, env, invalid);
  const flag = given.get("tls");
  if (flag !== undefined && flag !== "true" && flag !== "false") {
    throw invalid(`tls is neither "true" nor "false"`, "write tls=true");
  }
  const tls = flag === undefined
    ? secure || web === "https" ||
      web === undefined && [files.ca, files.cert].some((file) => file !== undefined)
    : flag === "true";
  if (!tls && (secure || web === "https" || given.has("ca") || given.has("cert"))) {
    const no = flag === undefined ? "http://" : "tls=false";
    throw invalid(`${no} contradicts the rest of it, which is of TLS`, "leave it out");
  }
  if (tls && web === "http") throw invalid("http:// is not TLS", "write https://");
  const whole = provider === "denokv" && web !== undefined;
  const port = whole ? tls ? 443 : 80 : traits.port;
  const endpoints = parseEndpoints(hosts, { port, invalid });
  if (provider === "denokv" && endpoints.length > 1) {
    throw invalid("it has several endpoints and this store takes one");
  }
  const server = provider === "denokv" && path.endsWith("/connect") ? path : "";
  const prefix = prefixOf(server === "" ? path : "", given.get("prefix"), invalid);
  const shown = endpoints.map(({ host, port }) =>
    host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`
  );
  return {
    provider,
    endpoints,
    prefix,
    path: server,
    tls,
    files,
    ...username !== undefined && { username },
    ...password !== undefined && { password },
    ...token !== undefined && { token },
    display: `${provider}${tls ? "s" : ""}:${shown.join(",")}${server}/${prefix}`,
  };
}

type Invalid = (why: string, remedy?: string) => NetsvcError;

/** Takes a URL apart. Nothing is decoded yet, so each delimiter is one. */
function split(rest: string, invalid: Invalid): {
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
function decode(text: string, what: string, invalid: Invalid): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(`its ${what} has a "%" without two hexadecimal digits`, `write "%25" for "%"`);
  }
}

function parameters(query: string, invalid: Invalid): Map<string, string> {
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
    const value = equals === -1 ? "" : decode(pair.slice(equals + 1), `"${name}"`, invalid);
    if (value === "") throw invalid(`its "${name}" is empty`, `write ${name}=VALUE`);
    given.set(name, value);
  }
  return given;
}

/** Adds a user name and a password of `NAME:PASSWORD@` to the parameters. */
function login(userinfo: string, given: Map<string, string>, invalid: Invalid): void {
  const colon = userinfo.indexOf(":");
  const name = decode(colon === -1 ? userinfo : userinfo.slice(0, colon), "user name", invalid);
  const password = colon === -1 ? "" : decode(userinfo.slice(colon + 1), "password", invalid);
  for (const [key, value] of [["username", name], ["password", password]] as const) {
    if (value === "") continue;
    if (given.has(key)) throw invalid(`it gives "${key}" twice`, "give it once");
    given.set(key, value);
  }
  if (name === "") throw invalid(`it has a "@" and no user name before it`);
}

/** Refuses what this store can't use. */
function refuseForeign(given: Map<string, string>, traits: Traits, invalid: Invalid): void {
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

function credentials(
  given: Map<string, string>,
  traits: Traits,
  env: Readonly<Record<string, string | undefined>>,
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

function paths(
  given: Map<string, string>,
  traits: Traits,
  env: Readonly<Record<string, string | undefined>>,
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

function prefixOf(path: string, parameter: string | undefined, invalid: Invalid): string {
  const written = decode(path, "prefix", invalid).replace(/^\/|\/$/g, "");
  if (written !== "" && parameter !== undefined) {
    throw invalid("it gives its prefix twice", "give it once");
  }
  const prefix = parameter?.replace(/^\/|\/$/g, "") ?? written;
  if (prefix === "") return DEFAULT_PREFIX;
  checkPrefix(prefix, invalid);
  return prefix;
}
