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
import { PROVIDERS } from "../providers.ts";
import { credentials, paths } from "./credentials.ts";
import { decode, login, parameters, refuseForeign, split } from "./parameters.ts";
import type { ParsedStoreUrl } from "./store_url.ts";
import type { Invalid, Traits } from "./traits.ts";
import { checkPrefix, parseEndpoints } from "./url_parts.ts";

/** First segment of the keys of a URL that names none. */
export const DEFAULT_PREFIX = "netsvc";

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
  const rest = colon === -1 ? "" : text.slice(colon + 1);
  if (scheme === "local") return local(rest);
  for (const [provider, traits] of Object.entries(PROVIDERS)) {
    for (const name of traits.schemes) {
      if (scheme === name) return remote({ provider, traits, secure: false, env }, rest);
      if (scheme === `${name}s`) return remote({ provider, traits, secure: true, env }, rest);
    }
  }
  throw new NetsvcError(
    "invalid",
    `Unknown store ${JSON.stringify(scheme)}; known: local, ${
      Object.keys(PROVIDERS).join(", ")
    }; write --kv-store=PROVIDER:HOST[:PORT]`,
  );
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

/** A store whose URL is read. */
interface Scheme {
  provider: string;
  traits: Traits;
  /** Whether the scheme means TLS. */
  secure: boolean;
  env: Readonly<Record<string, string | undefined>>;
}

function remote(scheme: Scheme, rest: string): ParsedStoreUrl {
  const { provider, traits, env } = scheme;
  const invalid = (why: string, remedy = `write --kv-store=${traits.example}`) =>
    new NetsvcError("invalid", `Invalid URL of the store "${provider}": ${why}; ${remedy}`);
  const parts = split(rest, invalid);
  const given = parameters(parts.query, invalid);
  if (parts.userinfo !== undefined) login(parts.userinfo, { given, invalid });
  refuseForeign(given, { traits, invalid });
  const logins = credentials({ given, traits, env }, invalid);
  const files = paths({ given, traits, env }, invalid);
  const tls = speaksTls(scheme, { given, web: parts.web, files }, invalid);
  const whole = traits.web === true && parts.web !== undefined;
  const port = whole ? tls ? 443 : 80 : traits.port;
  const endpoints = parseEndpoints(parts.hosts, { port, invalid });
  if (traits.web && endpoints.length > 1) {
    throw invalid("it has several endpoints and this store takes one");
  }
  const server = traits.web && parts.path.endsWith("/connect") ? parts.path : "";
  const prefix = prefixOf(server === "" ? parts.path : "", given.get("prefix"), invalid);
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
    ...logins,
    display: `${provider}${tls ? "s" : ""}:${shown.join(",")}${server}/${prefix}`,
  };
}

/** What of a URL has to do with TLS. */
interface Secured {
  given: ReadonlyMap<string, string>;
  web: string | undefined;
  files: ParsedStoreUrl["files"];
}

/** Whether connections use TLS. */
function speaksTls({ secure }: Scheme, { given, web, files }: Secured, invalid: Invalid): boolean {
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
  return tls;
}

function prefixOf(path: string, parameter: string | undefined, invalid: Invalid): string {
  const written = decode(path, { what: "prefix", invalid }).replace(/^\/|\/$/g, "");
  if (written !== "" && parameter !== undefined) {
    throw invalid("it gives its prefix twice", "give it once");
  }
  const prefix = parameter?.replace(/^\/|\/$/g, "") ?? written;
  if (prefix === "") return DEFAULT_PREFIX;
  checkPrefix(prefix, invalid);
  return prefix;
}
