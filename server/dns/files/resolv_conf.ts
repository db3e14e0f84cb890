/**
 * resolv.conf(5): the host's is where names of the outside are asked, a container's points to the
 * resolver of its sandbox.
 *
 * @module
 */
import { formatIp, tryParseIp } from "../../../lib/ip/cidr.ts";

/** How a file that netsvc made begins. */
export const OWN_MARK = "# Made by netsvc";
/** Address of the resolver in every sandbox. */
export const SANDBOX_RESOLVER = "127.0.0.11";
/** Where systemd-resolved listens, and the file of those that it asks itself. */
const RESOLVED = "127.0.0.53", RESOLVED_CONF = "/run/systemd/resolve/resolv.conf";
/**
 * What is read of a file, in characters, and taken from it: a container's is anybody's. The C library
 * takes three servers.
 */
const MAX_TEXT = 65536, MAX_SERVERS = 8, MAX_SEARCH = 32, MAX_OPTIONS = 32;
/** A link's name or index; what is none leaves an address that nobody has. */
const ZONE = /^%[\x21-\x24\x26-\x2e\x30-\x39\x3b-\x7e]{1,15}$/;
/** A domain, or an option. */
const WORD = /^[\x21-\x7e]{1,255}$/;
/** The file is looked at again at most this often, in milliseconds. */
const RECHECK_MS = 1000;

/** What netsvc takes from a resolv.conf. */
export interface ResolvConf {
  /** Addresses, in order; IPv6 ones may carry a `%zone`. */
  nameservers: string[];
  search: string[];
  options: string[];
}

/** Parses a resolv.conf; what it doesn't understand it leaves out, as the C library does. */
export function parseResolvConf(text: string): ResolvConf {
  const conf: ResolvConf = { nameservers: [], search: [], options: [] };
  for (const line of text.slice(0, MAX_TEXT).split("\n")) {
    const [keyword, ...words] = line.replace(/[#;].*$/, "").trim().split(/\s+/);
    if (keyword === "nameserver") {
      const [address, zone] = words[0]?.split(/(?=%)(.*)/) ?? [];
      const ip = address === undefined ? undefined : tryParseIp(address);
      // In the form in which the kernel gives an answer's source, which is compared with it.
      if (ip && (zone === undefined || ZONE.test(zone))) {
        conf.nameservers.push(formatIp(ip) + (zone ?? ""));
      }
    } else if (keyword === "search") conf.search = words;
    else if (keyword === "domain") conf.search = words.slice(0, 1);
    else if (keyword === "options") conf.options.push(...words);
  }
  const bounded = (words: string[], most: number) =>
    words.filter((word) => WORD.test(word)).slice(0, most);
  return {
    nameservers: [...new Set(conf.nameservers)].slice(0, MAX_SERVERS),
    search: bounded(conf.search, MAX_SEARCH),
    options: bounded(conf.options, MAX_OPTIONS),
  };
}

/**
 * The resolv.conf of a container. `ndots:0`: names of services have no dots and are tried as they
 * are before the host's search list.
 */
export function containerResolvConf(
  { search, options }: Pick<ResolvConf, "search" | "options">,
): string {
  const kept = options.filter((option) => !isNdots(option));
  return formatOwn(SANDBOX_RESOLVER, search, ["ndots:0", ...kept]);
}

/**
 * The resolv.conf of a container that another program runs: what was asked for there is kept, `ndots`
 * too.
 */
export function foreignResolvConf(
  { search, options }: Pick<ResolvConf, "search" | "options">,
  resolver: string,
): string {
  return formatOwn(resolver, search, options.some(isNdots) ? options : ["ndots:0", ...options]);
}

function isNdots(option: string): boolean {
  return option.startsWith("ndots:");
}

function formatOwn(resolver: string, search: string[], options: string[]): string {
  const kept = options.filter((option) => option !== "use-vc"); // It would only make netsvc slower.
  return [
    `${OWN_MARK}; changes are lost`,
    `nameserver ${resolver}`,
    ...search.length > 0 ? [`search ${search.join(" ")}`] : [],
    `options ${kept.join(" ")}`,
    "",
  ].join("\n");
}

/** The host's resolv.conf as it is now. */
export class HostResolvConf {
  readonly #path: string;
  readonly #resolvedPath: string;
  #conf: ResolvConf = { nameservers: [], search: [], options: [] };
  #stamp = "";
  #checked = -Infinity;

  constructor(path = "/etc/resolv.conf", resolvedPath = RESOLVED_CONF) {
    this.#path = path;
    this.#resolvedPath = resolvedPath;
  }

  /**
   * Nameservers that a container may have from this host. Engines hand on those behind
   * systemd-resolved, which listens where no container reaches it.
   */
  handedOn(): string[] {
    const { nameservers } = this.current();
    if (!nameservers.includes(RESOLVED)) return nameservers;
    try {
      const behind = parseResolvConf(Deno.readTextFileSync(this.#resolvedPath));
      return [...nameservers, ...behind.nameservers];
    } catch {
      return nameservers; // Somebody else listens there.
    }
  }

  /** Its content, read again when the file changed. A missing file is an empty one. */
  current(): ResolvConf {
    const now = performance.now();
    if (now - this.#checked < RECHECK_MS) return this.#conf;
    this.#checked = now;
    try {
      const { mtime, ino, size } = Deno.statSync(this.#path);
      const stamp = `${mtime?.getTime()}/${ino}/${size}`;
      if (stamp === this.#stamp) return this.#conf;
      this.#conf = parseResolvConf(Deno.readTextFileSync(this.#path));
      this.#stamp = stamp;
    } catch {
      this.#conf = { nameservers: [], search: [], options: [] };
      this.#stamp = "";
    }
    return this.#conf;
  }
}
