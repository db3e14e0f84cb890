/**
 * resolv.conf(5): the host's names the resolvers for outside names, a container's points to the resolver of its
 * sandbox.
 *
 * @module
 */
import { formatIp, tryParseIp } from "../../../lib/ip/cidr.ts";

/** The first words of a file that netsvc made. */
export const OWN_MARK = "# Made by netsvc";
/** Address of the resolver in every sandbox. */
export const SANDBOX_RESOLVER = "127.0.0.11";
/** Address of systemd-resolved's stub resolver. */
const RESOLVED = "127.0.0.53";
/** systemd-resolved's file of the servers that it asks itself. */
const RESOLVED_CONF = "/run/systemd/resolve/resolv.conf";
/** Longest part of a file that is read, in characters: a container can write anything into its own. */
const MAX_TEXT = 65536;
/** Most servers taken from a file; the C library takes three. */
const MAX_SERVERS = 8;
/** Most search domains taken from a file. */
const MAX_SEARCH = 32;
/** Most options taken from a file. */
const MAX_OPTIONS = 32;
/** A link's name or index; an address with any other zone is one that no host has. */
const ZONE = /^%[\x21-\x24\x26-\x2e\x30-\x39\x3b-\x7e]{1,15}$/;
/** A domain, or an option. */
const WORD = /^[\x21-\x7e]{1,255}$/;
/** Shortest time between two looks at the file, in milliseconds. */
const RECHECK_MS = 1000;

/** The parts of a resolv.conf that netsvc uses. */
export interface ResolvConf {
  /** Addresses, in order; IPv6 ones may carry a `%zone`. */
  nameservers: string[];
  search: string[];
  options: string[];
}

/** Parses a resolv.conf; ignores what it doesn't understand, as the C library does. */
export function parseResolvConf(text: string): ResolvConf {
  const conf: ResolvConf = { nameservers: [], search: [], options: [] };
  for (const line of text.slice(0, MAX_TEXT).split("\n")) {
    const [keyword, ...words] = line.replace(/[#;].*$/, "").trim().split(/\s+/);
    if (keyword === "nameserver") {
      const [address, zone] = words[0]?.split(/(?=%)(.*)/) ?? [];
      const ip = address === undefined ? undefined : tryParseIp(address);
      // In the form in which the kernel reports an answer's source, so that the two can be compared.
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
 * The resolv.conf of a container. `ndots:0`: names of services have no dots and are tried as they are before the
 * host's search list.
 */
export function containerResolvConf(
  { search, options }: Pick<ResolvConf, "search" | "options">,
): string {
  const kept = options.filter((option) => !isNdots(option));
  return formatOwn(SANDBOX_RESOLVER, search, ["ndots:0", ...kept]);
}

/**
 * The resolv.conf of a container that another program runs: keeps its search list and options, `ndots` too.
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
  const kept = options.filter((option) => option !== "use-vc"); // TCP would only make netsvc's resolver slower.
  return [
    `${OWN_MARK}; changes are lost`,
    `nameserver ${resolver}`,
    ...search.length > 0 ? [`search ${search.join(" ")}`] : [],
    `options ${kept.join(" ")}`,
    "",
  ].join("\n");
}

/** The host's resolv.conf, always current. */
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
   * Nameservers of this host that a container may use. Container engines hand on the servers behind systemd-
   * resolved, whose own address no container reaches.
   */
  handedOn(): string[] {
    const { nameservers } = this.current();
    if (!nameservers.includes(RESOLVED)) return nameservers;
    try {
      const behind = parseResolvConf(Deno.readTextFileSync(this.#resolvedPath));
      return [...nameservers, ...behind.nameservers];
    } catch {
      return nameservers; // Another program listens there.
    }
  }

  /** The file's content, read again when the file changed. A missing file counts as empty. */
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
