/**
 * `/etc/resolv.conf` and `/etc/hosts` of containers that another program runs: changed while netsvc
 * serves names inside, and given back as they were.
 *
 * What a file held before is kept beside the container's other files until it is restored, so that a
 * daemon that died in between restores it, too. Only what is still netsvc's text is taken back: what
 * somebody else has written meanwhile stays.
 *
 * @module
 */
import { fileIdentity, readInRoot, writeInRoot } from "../../drivers/kernel/files.ts";
import {
  foreignResolvConf,
  OWN_MARK,
  parseResolvConf,
  SANDBOX_RESOLVER,
} from "../dns/resolv_conf.ts";
import type { ContainerRecord, ForeignRecord } from "../state/records.ts";

/** Docker has a resolver of its own at {@linkcode SANDBOX_RESOLVER}, and rules that lead there. */
const BESIDE_DOCKER = "127.0.0.12";
const BLOCK_BEGIN = "# netsvc begins", BLOCK_END = "# netsvc ends";

/** A file as it can be opened from here. */
interface Place {
  root: string;
  path: string;
  /** It isn't the container's alone where it isn't made for it; it may have to be made. */
  make: boolean;
}

/** The host's own file must never be taken for a container's: not every process has its own. */
function isHosts(place: Place, path: string): boolean {
  const identity = fileIdentity(place.root, place.path);
  return identity !== undefined &&
    ["/proc/self/root", "/proc/1/root"].some((root) => {
      try {
        return fileIdentity(root, path) === identity;
      } catch {
        return false; // Process 1 can't be looked into.
      }
    });
}

function placeOf(record: ContainerRecord, file: "resolv.conf" | "hosts"): Place | undefined {
  const { foreign, running } = record;
  const given = file === "hosts" ? foreign!.hostsPath : foreign!.resolvConfPath;
  if (given !== undefined) return { root: "/", path: given, make: false };
  const named = foreign!.namespace.match(/^\/(?:var\/)?run\/netns\/([^/]+)$/)?.[1];
  // Where `ip netns exec` finds a namespace's own files (ip-netns(8)).
  if (named !== undefined) {
    return { root: "/", path: `/etc/netns/${named}/${file}`, make: file === "resolv.conf" };
  }
  if (!running) return undefined;
  const root = `/proc/${running.pid}/root`;
  // A root of its own, and not only a network.
  const own = !isHosts({ root, path: "/", make: false }, "/");
  const place = { root, path: `/etc/${file}`, make: own && file === "resolv.conf" };
  return isHosts(place, `/etc/${file}`) ? undefined : place;
}

/** What netsvc needs to know of the resolver that a container had. */
export function readNameservers(record: ContainerRecord): string[] {
  const place = placeOf(record, "resolv.conf");
  const text = place && readInRoot(place.root, place.path);
  return text === undefined ? [] : nameserversIn(text);
}

/** Nameservers that a resolv.conf names, without netsvc's own. Pure. */
export function nameserversIn(text: string): string[] {
  const { nameservers } = parseResolvConf(text);
  if (!text.startsWith(OWN_MARK)) return nameservers;
  // It was taken over before. netsvc gives way to a resolver that is inside, and only to that.
  return nameservers.includes(BESIDE_DOCKER) ? [SANDBOX_RESOLVER] : [];
}

/** Files of one container. */
export class ForeignFiles {
  /** Where the resolv.conf is kept as it was. */
  readonly #saved: string;

  /** @param directory where the container's files of netsvc are */
  constructor(directory: string) {
    this.#saved = `${directory}/before.resolv.conf`;
  }

  /** Nameservers that the container had before {@linkcode take}; none where nothing was taken. */
  nameserversBefore(): string[] {
    const before = this.#before();
    return before === undefined ? [] : nameserversIn(before);
  }

  /** Search list that the container had before {@linkcode take}. */
  searchBefore(): string[] {
    return parseResolvConf(this.#before() ?? "").search;
  }

  /** The resolv.conf as it was; `undefined` where it was never changed. */
  #before(): string | undefined {
    try {
      return Deno.readTextFileSync(this.#saved);
    } catch {
      return undefined;
    }
  }

  /**
   * Points the container to netsvc's resolver and makes its own name known; harmless twice.
   *
   * @returns whether it asked somebody else until now
   */
  take(record: ContainerRecord, addresses: string[]): boolean {
    const taken = this.#takeResolvConf(record);
    this.#writeHosts(record, addresses);
    return taken;
  }

  /** Whether the container asks netsvc's resolver. */
  taken(record: ContainerRecord): boolean {
    const place = placeOf(record, "resolv.conf");
    return !place || (readInRoot(place.root, place.path)?.startsWith(OWN_MARK) ?? true);
  }

  #takeResolvConf(record: ContainerRecord): boolean {
    const place = placeOf(record, "resolv.conf");
    if (!place) return false;
    const before = readInRoot(place.root, place.path);
    if (before?.startsWith(OWN_MARK)) return false;
    if (before === undefined && !place.make) return false;
    const asked = parseResolvConf(before ?? "");
    const { upstreams } = record.foreign!;
    // Its engine is still to write it: that would be lost, or taken for the engine's own upstream.
    if (upstreams.length > 0 && !upstreams.some((ip) => asked.nameservers.includes(ip))) {
      return false;
    }
    // Known before it is changed: a crash between the two loses nothing.
    Deno.writeTextFileSync(this.#saved, before ?? "");
    const own = foreignResolvConf(asked, record.foreign!.resolver);
    if (place.root === "/" && before === undefined) {
      Deno.mkdirSync(place.path.slice(0, place.path.lastIndexOf("/")), { recursive: true });
    }
    writeInRoot(place.root, place.path, own, { make: place.make });
    return true;
  }

  #writeHosts(record: ContainerRecord, addresses: string[]): void {
    const place = placeOf(record, "hosts");
    const text = place && readInRoot(place.root, place.path);
    if (text === undefined) return;
    const rest = withoutBlock(text);
    const names = ownNames(rest, record.hostname).join(" ");
    const block = addresses.length === 0
      ? ""
      : [BLOCK_BEGIN, ...addresses.map((ip) => `${ip}\t${names}`), BLOCK_END, ""].join("\n");
    const next = `${rest}${rest === "" || rest.endsWith("\n") ? "" : "\n"}${block}`;
    if (next !== text) writeInRoot(place!.root, place!.path, block === "" ? rest : next);
  }

  /** Gives both files back. */
  restore(record: ContainerRecord): void {
    this.#writeHosts(record, []);
    const before = this.#before();
    if (before === undefined) return;
    const place = placeOf(record, "resolv.conf");
    const now = place && readInRoot(place.root, place.path);
    if (now?.startsWith(OWN_MARK)) {
      if (place!.make && before === "" && place!.root === "/") removeMade(place!.path);
      else writeInRoot(place!.root, place!.path, before);
    }
    Deno.removeSync(this.#saved);
  }
}

/** A file that netsvc made, and its directory if nothing else is in it. */
function removeMade(path: string): void {
  Deno.removeSync(path);
  try {
    Deno.removeSync(path.slice(0, path.lastIndexOf("/")));
  } catch {
    // Somebody has put something there.
  }
}

/** Text of a hosts file without netsvc's lines. */
export function withoutBlock(text: string): string {
  const begin = text.indexOf(BLOCK_BEGIN);
  const end = text.indexOf(BLOCK_END);
  if (begin < 0 || end < begin) return text;
  return text.slice(0, begin) + text.slice(end + BLOCK_END.length).replace(/^\n/, "");
}

/**
 * The names of a container for its hosts file, as engines write them: the full one first, which is
 * what `hostname -f` gives. `hosts`: the file, which may tell more than the host name. Pure.
 */
export function ownNames(hosts: string, hostname: string): string[] {
  const short = hostname.split(".")[0]!;
  if (short !== hostname) return short === "" ? [hostname] : [hostname, short];
  for (const line of hosts.split("\n")) {
    const [, ...names] = line.replace(/#.*$/, "").trim().split(/\s+/);
    const full = names.find((name) => name.startsWith(`${hostname}.`));
    if (full !== undefined && names.includes(hostname)) return [full, hostname];
  }
  return [hostname];
}

/**
 * Where the resolver of a foreign container listens, and which resolvers are inside with it; others
 * that the container had are known by its file ({@linkcode foreignUpstreams}). Pure.
 */
export function foreignResolver(
  nameservers: string[],
): Pick<ForeignRecord, "resolver" | "upstreams"> {
  const inside = nameservers.filter((ip) => ip.startsWith("127.") || ip === "::1");
  return { resolver: inside.length > 0 ? BESIDE_DOCKER : SANDBOX_RESOLVER, upstreams: inside };
}

/**
 * Whom a foreign container's resolver asks from inside; nobody where the container had nothing but
 * its host's nameservers, which the host asks best itself. `before`: its nameservers before netsvc's;
 * `handedOn`: those that it may have from the host. Pure.
 */
export function foreignUpstreams(
  { resolver, upstreams }: Pick<ForeignRecord, "resolver" | "upstreams">,
  before: string[],
  handedOn: string[],
): string[] {
  const asked = before.filter((ip) => ip !== resolver);
  return asked.every((ip) => handedOn.includes(ip)) ? upstreams : asked;
}
