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
import { containerResolvConf, OWN_MARK, parseResolvConf } from "../dns/resolv_conf.ts";
import type { ContainerRecord, ForeignRecord } from "../state/records.ts";

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
  return text === undefined ? [] : parseResolvConf(text).nameservers;
}

/** Files of one container. */
export class ForeignFiles {
  readonly #directory: string;

  /** @param directory where the container's files of netsvc are */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Points the container to netsvc's resolver and makes its own name known; harmless twice. */
  take(record: ContainerRecord, addresses: string[]): void {
    this.#takeResolvConf(record);
    this.#writeHosts(record, addresses);
  }

  /** Whether the container asks netsvc's resolver. */
  taken(record: ContainerRecord): boolean {
    const place = placeOf(record, "resolv.conf");
    return !place || (readInRoot(place.root, place.path)?.startsWith(OWN_MARK) ?? true);
  }

  #takeResolvConf(record: ContainerRecord): void {
    const place = placeOf(record, "resolv.conf");
    if (!place) return;
    const before = readInRoot(place.root, place.path);
    if (before?.startsWith(OWN_MARK)) return;
    if (before === undefined && !place.make) return;
    const asked = parseResolvConf(before ?? "");
    const { upstreams } = record.foreign!;
    // Its engine is still to write it: that would be lost, or taken for the engine's own upstream.
    if (upstreams.length > 0 && !upstreams.some((ip) => asked.nameservers.includes(ip))) return;
    // Known before it is changed: a crash between the two loses nothing.
    Deno.writeTextFileSync(`${this.#directory}/before.resolv.conf`, before ?? "");
    const own = containerResolvConf(asked, record.foreign!.resolver);
    if (place.root === "/" && before === undefined) {
      Deno.mkdirSync(place.path.slice(0, place.path.lastIndexOf("/")), { recursive: true });
    }
    writeInRoot(place.root, place.path, own, { make: place.make });
  }

  #writeHosts(record: ContainerRecord, addresses: string[]): void {
    const place = placeOf(record, "hosts");
    const text = place && readInRoot(place.root, place.path);
    if (text === undefined) return;
    const block = addresses.length === 0
      ? ""
      : [BLOCK_BEGIN, ...addresses.map((ip) => `${ip}\t${record.hostname}`), BLOCK_END, ""]
        .join("\n");
    const rest = withoutBlock(text);
    const next = `${rest}${rest === "" || rest.endsWith("\n") ? "" : "\n"}${block}`;
    if (next !== text) writeInRoot(place!.root, place!.path, block === "" ? rest : next);
  }

  /** Gives both files back. */
  restore(record: ContainerRecord): void {
    this.#writeHosts(record, []);
    const saved = `${this.#directory}/before.resolv.conf`;
    let before: string;
    try {
      before = Deno.readTextFileSync(saved);
    } catch {
      return; // It was never changed.
    }
    const place = placeOf(record, "resolv.conf");
    const now = place && readInRoot(place.root, place.path);
    if (now?.startsWith(OWN_MARK)) {
      if (place!.make && before === "" && place!.root === "/") removeMade(place!.path);
      else writeInRoot(place!.root, place!.path, before);
    }
    Deno.removeSync(saved);
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

/** Where the resolver of a foreign container listens, and whom it asks. Pure. */
export function foreignResolver(
  nameservers: string[],
): Pick<ForeignRecord, "resolver" | "upstreams"> {
  const inside = nameservers.filter((ip) => ip.startsWith("127.") || ip === "::1");
  // Docker has a resolver of its own at 127.0.0.11, and rules that lead there.
  return { resolver: inside.length > 0 ? "127.0.0.12" : "127.0.0.11", upstreams: inside };
}
