/**
 * `/etc/resolv.conf` and `/etc/hosts` of containers that another program runs: changed while netsvc serves names
 * inside, and restored afterwards.
 *
 * A file's earlier content is kept beside the container's other files until it is restored, so that the daemon that
 * follows a crashed one restores it, too. Only text that is still netsvc's is removed: what another program has
 * written meanwhile stays.
 *
 * This process never opens a file that the container can replace ({@linkcode InsideFiles} does); files of the host,
 * which engines and `ip netns` name, it opens itself.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import {
  openDirectory,
  type OpenFile,
  openRegular,
  readOpen,
  UnfitFile,
  writeOpen,
} from "../../../lib/linux/files.ts";
import { closeFd } from "../../../lib/linux/libc.ts";
import {
  foreignResolvConf,
  OWN_MARK,
  parseResolvConf,
  SANDBOX_RESOLVER,
} from "../../dns/files/resolv_conf.ts";
import type { FileLook, FileName } from "../../inside/files.ts";
import type { AdoptedContainer, Adoption } from "../../model/container.ts";
import { errorChain } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import type { InsideFiles } from "./inside_files.ts";
import { isRunning } from "../../../lib/linux/processes/process_table.ts";

const log = getLogger(["netsvc", "sandbox"]);

/**
 * Docker has a resolver of its own at {@linkcode SANDBOX_RESOLVER}, and rules that lead there: netsvc listens
 * beside it.
 */
const BESIDE_DOCKER = "127.0.0.12";
/** Most containers whose logged problems are remembered. */
const MAX_TOLD = 1024;
const BLOCK_BEGIN = "# netsvc begins";
const BLOCK_END = "# netsvc ends";

/** The state of both files of a container, and how they are written. */
interface Opened {
  looks: Record<FileName, FileLook>;
  /** Whether a resolv.conf may be made where there is none. */
  make: boolean;
  write(file: FileName, text: string): Promise<void>;
  /** Removes a file that netsvc made. */
  remove(file: FileName): Promise<void>;
}

/** A file of the host's: the directory that contains it, its path there, and whether it may be made. */
interface HostPlace {
  directory: string;
  path: string;
  make: boolean;
}

/** Where `ip netns exec` finds a namespace's own files (ip-netns(8)). */
const NETNS_FILES = "/etc/netns";

function hostPlace(record: AdoptedContainer, file: FileName): HostPlace | undefined {
  const given = file === "hosts" ? record.hostsPath : record.resolvConfPath;
  if (given !== undefined) {
    const slash = given.lastIndexOf("/");
    return { directory: given.slice(0, slash) || "/", path: given.slice(slash + 1), make: false };
  }
  const named = record.namespace.match(/^\/(?:var\/)?run\/netns\/([^/]+)$/)?.[1];
  if (named === undefined) return undefined;
  return { directory: NETNS_FILES, path: `${named}/${file}`, make: file === "resolv.conf" };
}

function withHostFile<T>(place: HostPlace, action: (file: OpenFile | undefined) => T): T {
  const directory = openDirectory(place.directory);
  const proc = openDirectory("/proc")!;
  let file: OpenFile | undefined;
  try {
    if (directory !== undefined) file = openRegular({ directory, path: place.path }, { proc });
    return action(file);
  } finally {
    for (const fd of [directory, proc, file?.fd]) if (fd !== undefined) closeFd(fd);
  }
}

/** Reads a file of the host's. */
function lookAtHost(place: HostPlace | undefined): FileLook {
  if (!place) return {};
  try {
    return withHostFile(place, (file) => file ? { text: readOpen(file) } : {});
  } catch (error) {
    const said = errorChain(error).join(": ");
    const path = `${place.directory}/${place.path}`;
    return { problem: error instanceof UnfitFile ? `"${path}" ${said}` : said };
  }
}

function writeToHost(place: HostPlace, text: string): void {
  const full = `${place.directory}/${place.path}`;
  if (place.make) {
    Deno.mkdirSync(full.slice(0, full.lastIndexOf("/")), { recursive: true, mode: 0o755 });
  }
  const directory = openDirectory(place.directory)!;
  const proc = openDirectory("/proc")!;
  try {
    const file = openRegular({ directory, path: place.path }, { proc, make: place.make });
    if (!file) return; // The file was removed with its container.
    try {
      writeOpen(file, text);
    } finally {
      closeFd(file.fd);
    }
  } finally {
    closeFd(directory);
    closeFd(proc);
  }
}

/** The name of one of a container's files in messages. */
function fullPath(record: AdoptedContainer, file: FileName): string {
  const place = hostPlace(record, file);
  return place ? `${place.directory}/${place.path}` : `/etc/${file}`;
}

/** Opens both files of a container for as long as an action takes. */
async function open<T>(
  record: AdoptedContainer,
  inside: InsideFiles,
  action: (opened: Opened) => Promise<T>,
): Promise<T> {
  const places = {
    "resolv.conf": hostPlace(record, "resolv.conf"),
    hosts: hostPlace(record, "hosts"),
  };
  const host: Opened = {
    looks: { "resolv.conf": lookAtHost(places["resolv.conf"]), hosts: lookAtHost(places.hosts) },
    make: places["resolv.conf"]?.make ?? false,
    write: async (file, text) => await writeToHost(places[file]!, text),
    remove: async (file) => await removeMade(fullPath(record, file)),
  };
  const { running } = record;
  const named = places["resolv.conf"] !== undefined && places.hosts !== undefined;
  if (named || !running || !isRunning(running)) return await action(host);
  // Files that the container's engine doesn't name are the container's own.
  return await inside.within(running, (session) => {
    const { files, ownRoot } = session.looks;
    const look = (file: FileName) =>
      places[file] ? host.looks[file] : files[file].hosts ? {} : files[file];
    return action({
      looks: { "resolv.conf": look("resolv.conf"), hosts: look("hosts") },
      // Only in a root of its own, not only a network of its own; never in place of the host's file.
      make: places["resolv.conf"] ? host.make : ownRoot && !files["resolv.conf"].hosts,
      write: (file, text) =>
        places[file]
          ? host.write(file, text)
          : session.write(file, text, file === "resolv.conf" && ownRoot),
      // The file stays, empty, as it was before any program wrote to it.
      remove: (file) => places[file] ? host.remove(file) : session.write(file, "", false),
    });
  });
}

/** The nameservers in a resolv.conf, without netsvc's own. Pure. */
export function nameserversIn(text: string): string[] {
  const { nameservers } = parseResolvConf(text);
  if (!text.startsWith(OWN_MARK)) return nameservers;
  // The file was changed before. netsvc uses its second address beside a resolver inside, and only then.
  return nameservers.includes(BESIDE_DOCKER) ? [SANDBOX_RESOLVER] : [];
}

/** The outcome of {@linkcode AdoptedFiles.take}. */
export interface Taken {
  /** Whether the container used another resolver until now. */
  changed: boolean;
  /** Whether it uses netsvc's resolver, or has no file that could say so. */
  taken: boolean;
}

/** The files of one container. */
export class AdoptedFiles {
  /** Path of the resolv.conf's earlier content. */
  readonly #saved: string;
  readonly #inside: InsideFiles;
  readonly #told: Map<string, string>;

  /**
   * @param directory the directory of netsvc's files for the container
   * @param told the problems that were logged, so that each is logged once
   */
  constructor(directory: string, inside: InsideFiles, told: Map<string, string>) {
    this.#saved = `${directory}/before.resolv.conf`;
    this.#inside = inside;
    this.#told = told;
  }

  /** Nameservers that the container had before {@linkcode take}; none where no file was changed. */
  nameserversBefore(): string[] {
    const before = this.#before();
    return before === undefined ? [] : nameserversIn(before);
  }

  /** Search list that the container had before {@linkcode take}. */
  searchBefore(): string[] {
    return parseResolvConf(this.#before() ?? "").search;
  }

  /** The resolv.conf's earlier content; `undefined` where it was never changed. */
  #before(): string | undefined {
    try {
      return Deno.readTextFileSync(this.#saved);
    } catch {
      return undefined;
    }
  }

  /**
   * Keeps the resolv.conf's content before it is changed, so that a crash between the two loses nothing. Replaces
   * kept content only atomically, and only by what another program has written since: never by the remains of a
   * file after a crash.
   */
  #keep(text: string): void {
    if (this.#before() !== undefined && parseResolvConf(text).nameservers.length === 0) return;
    const next = `${this.#saved}.new`;
    Deno.writeTextFileSync(next, text, { mode: 0o600 });
    Deno.renameSync(next, this.#saved);
  }

  /**
   * The nameservers of the container's own resolver that netsvc needs to know; none where the file can't be read.
   */
  async nameservers(record: AdoptedContainer): Promise<string[]> {
    return await this.#done(record, [], ({ looks }) => {
      const { text } = looks["resolv.conf"];
      return Promise.resolve(text === undefined ? [] : nameserversIn(text));
    });
  }

  /**
   * Points the container to netsvc's resolver and makes its own name known; harmless twice. Files that can't be
   * used are skipped, and logged.
   */
  async take(record: AdoptedContainer, addresses: string[]): Promise<Taken> {
    return await this.#done(record, { changed: false, taken: true }, async (opened) => {
      const changed = await this.#takeResolvConf(record, opened);
      await this.#writeHosts(record, opened, addresses);
      const { text } = opened.looks["resolv.conf"];
      return { changed, taken: changed || (text?.startsWith(OWN_MARK) ?? true) };
    });
  }

  /** Runs an action on the files, or skips it with a log message. */
  async #done<T>(
    record: AdoptedContainer,
    without: T,
    action: (opened: Opened) => Promise<T>,
  ): Promise<T> {
    try {
      return await open(record, this.#inside, async (opened) => {
        const { "resolv.conf": resolvConf, hosts } = opened.looks;
        const problems = [resolvConf.problem, hosts.problem].filter((why) => why !== undefined);
        if (problems.length > 0) this.#tell(record, problems.join(" and "));
        return await action(opened);
      });
    } catch (error) {
      const ended = record.running !== undefined && !isRunning(record.running);
      if (!ended) this.#tell(record, errorChain(error).join(": "));
      return without;
    }
  }

  /** Logs why a container's files stay as they are, once. */
  #tell(record: AdoptedContainer, why: string): void {
    if (this.#told.get(record.id) === why) return;
    // Bounds the memory; forgotten problems are logged again.
    if (this.#told.size >= MAX_TOLD) this.#told.clear();
    this.#told.set(record.id, why);
    log.warn("Container {name} keeps a file of its own, which netsvc leaves as it is: {why}", {
      name: record.name ?? shortId(record.id),
      why,
    });
  }

  async #takeResolvConf(record: AdoptedContainer, opened: Opened): Promise<boolean> {
    const { text: before, problem } = opened.looks["resolv.conf"];
    if (problem !== undefined || before?.startsWith(OWN_MARK)) return false;
    if (before === undefined && !opened.make) return false;
    const asked = parseResolvConf(before ?? "");
    const { upstreams } = record;
    // The engine hasn't written the file yet: netsvc's text would be lost, or taken for the engine's upstream.
    if (upstreams.length > 0 && !upstreams.some((ip) => asked.nameservers.includes(ip))) {
      return false;
    }
    this.#keep(before ?? "");
    await opened.write("resolv.conf", foreignResolvConf(asked, record.resolver));
    return true;
  }

  async #writeHosts(
    record: AdoptedContainer,
    { looks, write }: Opened,
    addresses: string[],
  ): Promise<void> {
    const { text } = looks.hosts;
    if (text === undefined) return;
    const rest = withoutBlock(text);
    const names = ownNames(rest, record.hostname).join(" ");
    const block = addresses.length === 0
      ? ""
      : [BLOCK_BEGIN, ...addresses.map((ip) => `${ip}\t${names}`), BLOCK_END, ""].join("\n");
    const next = `${rest}${rest === "" || rest.endsWith("\n") ? "" : "\n"}${block}`;
    if (next !== text) await write("hosts", block === "" ? rest : next);
  }

  /** Restores both files. */
  async restore(record: AdoptedContainer): Promise<void> {
    await this.#done(record, undefined, async (opened) => {
      await this.#writeHosts(record, opened, []);
      const before = this.#before();
      if (before === undefined) return;
      if (opened.looks["resolv.conf"].text?.startsWith(OWN_MARK)) {
        if (opened.make && before === "") await opened.remove("resolv.conf");
        else await opened.write("resolv.conf", before);
      }
    });
    try {
      Deno.removeSync(this.#saved);
    } catch {
      // The file was never changed.
    }
  }
}

/** Removes a file that netsvc made, and its directory if that is empty then. */
function removeMade(path: string): void {
  Deno.removeSync(path);
  try {
    Deno.removeSync(path.slice(0, path.lastIndexOf("/")));
  } catch {
    // Another program has put a file there.
  }
}

/** The text of a hosts file without netsvc's lines. */
export function withoutBlock(text: string): string {
  const begin = text.indexOf(BLOCK_BEGIN);
  const end = text.indexOf(BLOCK_END);
  if (begin < 0 || end < begin) return text;
  return text.slice(0, begin) + text.slice(end + BLOCK_END.length).replace(/^\n/, "");
}

/**
 * The names of a container for its hosts file, as engines write them: the full one first, which `hostname -f`
 * prints. `hosts`: the current file, which may tell more than the host name. Pure.
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
 * Where the resolver of an adopted container listens, and which resolvers are inside with it; the container's other
 * resolvers are known from its file ({@linkcode adoptedUpstreams}). Pure.
 */
export function adoptedResolver(
  nameservers: string[],
): Pick<Adoption, "resolver" | "upstreams"> {
  const inside = nameservers.filter((ip) => ip.startsWith("127.") || ip === "::1");
  return { resolver: inside.length > 0 ? BESIDE_DOCKER : SANDBOX_RESOLVER, upstreams: inside };
}

/**
 * The servers that an adopted container's resolver asks from inside; none where the container had only its host's
 * nameservers, which are better asked from the host. `before`: its nameservers before netsvc's; `handedOn`: those
 * that the container may have from the host. Pure.
 */
export function adoptedUpstreams(
  { resolver, upstreams }: Pick<Adoption, "resolver" | "upstreams">,
  { before, handedOn }: { before: string[]; handedOn: string[] },
): string[] {
  const asked = before.filter((ip) => ip !== resolver);
  return asked.every((ip) => handedOn.includes(ip)) ? upstreams : asked;
}
