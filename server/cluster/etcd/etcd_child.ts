/**
 * This host's etcd, kept running: taken up again after a restart of the daemon, started again with growing pauses when
 * it ends, its log kept short.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { createHash } from "node:crypto";
import { backoff } from "../../../lib/async/backoff.ts";
import { Mutex } from "../../../lib/async/mutex.ts";
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import { certificatesOf } from "../../../lib/x509/x509.ts";
import { isRunning } from "../../../lib/linux/processes/process_table.ts";
import { LogFile } from "../../sandbox/logs/log_file.ts";
import type { ClusterPaths } from "../files/cluster_paths.ts";
import { etcdArguments, type EtcdFiles, type EtcdMember } from "./arguments.ts";
import { EtcdProcess, type Started } from "./etcd_process.ts";
import { describeEnd } from "./etcd_log.ts";
import { chooseProgram } from "./choose_program.ts";
import { copyDirectory } from "./copy_directory.ts";
import { KeptProgram } from "./kept_program.ts";
import { type EtcdProgram, findEtcd, identityOf } from "./program.ts";
import { needRoom } from "./room.ts";
import { parseVersion } from "./version.ts";

const log = getLogger(["netsvc", "etcd"]);

/** How often it is looked after, in milliseconds. */
const WATCH_MS = 1_000;
/** Longest pause before it is started again, in milliseconds. */
const LONGEST_MS = 30_000;
/** One that ran for so long had not failed to start, in milliseconds. */
const STEADY_MS = 60_000;

/** Where this host keeps what its etcd needs. */
export interface EtcdChildOptions {
  paths: ClusterPaths;
  /** As `--etcd` gives it. */
  program?: string;
}

/** What of the running etcd isn't as a new start would have it. */
export interface Stale {
  /** It trusts other authorities than the file says by now, or has other settings: a restart is due. */
  settings: boolean;
  /** The program was replaced: version that runs, and version that would. */
  program?: { runs: string; would: string };
}

/** The files that etcd reads and writes. */
function etcdFiles(paths: ClusterPaths): EtcdFiles {
  return {
    data: paths.etcd,
    ca: paths.ca,
    cert: paths.hostCertificate,
    key: paths.hostKey,
    peerCa: paths.peerCa,
    peerCert: paths.peerCertificate,
    peerKey: paths.peerKey,
    crl: paths.crl,
  };
}

/** The etcd of this host. */
export class EtcdChild implements Disposable {
  /** Directory of its data. */
  readonly data: string;
  readonly #files: EtcdFiles;
  readonly #program: string | undefined;
  readonly #kept: KeptProgram;
  readonly #process: EtcdProcess;
  readonly #log: LogFile;
  readonly #record: string;
  /** One start or stop at a time. */
  readonly #turn = new Mutex();
  #member: EtcdMember | undefined;
  #timer: number | undefined;
  #failures = 0;
  #since = 0;
  #again = 0;
  #watching = false;

  constructor({ paths, program }: EtcdChildOptions) {
    const { directory } = paths;
    this.#files = etcdFiles(paths);
    this.data = paths.etcd;
    this.#program = program;
    this.#kept = new KeptProgram(paths.etcdProgram);
    this.#record = `${directory}/etcd.json`;
    const path = `${directory}/etcd.log`;
    this.#process = new EtcdProcess({ data: this.#files.data, log: path, record: this.#record });
    this.#log = new LogFile(path);
  }

  /** Whether it runs. */
  get running(): boolean {
    return this.#process.running() !== undefined;
  }

  /** Whether it is looked after, and so started again when it ends. */
  get kept(): boolean {
    return this.#timer !== undefined;
  }

  /** The version that runs. */
  get version(): string | undefined {
    return this.#process.running()?.version || undefined;
  }

  /** Whether it has data, and so is or was a member. */
  async hasData(): Promise<boolean> {
    return await identityOf(`${this.#files.data}/member`) !== undefined;
  }

  /** The program that is installed. @throws {NetsvcError} `unsupported` */
  findProgram(): Promise<EtcdProgram> {
    return findEtcd(this.#program);
  }

  /**
   * Keeps it running from now on: takes up what runs, else starts it. After a failure it is tried again until the next
   * stop.
   *
   * @throws {NetsvcError} where there is no program, or one that can't read the data
   */
  async start(member: EtcdMember): Promise<void> {
    await this.#turn.run(async () => {
      this.#member = { ...member, alone: false };
      // First: where it can't be started yet, as on a full disk, nobody else would try again.
      this.#timer ??= setInterval(() => void this.#watch(), WATCH_MS);
      try {
        await this.#ensure(member);
        // From now on it must not make a cluster anew, whatever becomes of its data.
        this.#member.existing = true;
      } catch (error) {
        this.#later();
        throw error;
      }
    });
  }

  /**
   * Ends it and starts it again.
   *
   * @param upgrade with what is installed, also of the next minor version: the data was prepared for it
   * @throws {NetsvcError} before it has ended what runs
   */
  async restart({ upgrade = false }: { upgrade?: boolean } = {}): Promise<void> {
    await this.#turn.run(async () => {
      await this.checkRestart({ upgrade });
      await this.#process.stop();
      await this.#ensure({ ...this.#member!, existing: true }, upgrade);
    });
  }

  /** @throws {NetsvcError} why it can't be restarted */
  async checkRestart({ upgrade = false }: { upgrade?: boolean } = {}): Promise<void> {
    if (!this.#member) throw new NetsvcError("invalid", "This host has no etcd to restart");
    await this.fittingProgram(upgrade);
  }

  /** Ends it, for good until the next start. */
  async stop(): Promise<void> {
    await this.#turn.run(async () => {
      this[Symbol.dispose]();
      await this.#process.stop();
    });
  }

  /** Ends it and puts its data out of the way: it is no member any more. @returns where the data is, if there was any */
  async retire(): Promise<string | undefined> {
    await this.stop();
    if (!await this.hasData()) return undefined;
    const aside = `${this.#files.data}.${new Date().toISOString().replaceAll(/[:.]/g, "-")}`;
    await Deno.rename(this.#files.data, aside);
    await removeIfThere(this.#record);
    await keepLast(this.#files.data, aside);
    return aside;
  }

  /** What a restart would change; `undefined` where nothing runs or nothing would. */
  async stale(): Promise<Stale | undefined> {
    const started = this.#process.running();
    const member = this.#member;
    if (!started || !member) return undefined;
    const program = await this.findProgram().catch(() => undefined);
    const replaced = program && program.identity !== started.identity;
    const version = parseVersion(started.version) ?? program?.version;
    const settings = version !== undefined &&
      await fingerprint({ member, files: this.#files }, version) !== started.fingerprint;
    if (!settings && !replaced) return undefined;
    return {
      settings,
      ...replaced && { program: { runs: started.version, would: program.version.join(".") } },
    };
  }

  /** The last lines that it logged. */
  async tail(lines: number): Promise<string[]> {
    let text = "";
    const decoder = new TextDecoder();
    for await (const bytes of this.#log.read({ tail: lines })) {
      text += decoder.decode(bytes, { stream: true });
    }
    return text.split("\n").filter((line) => line !== "");
  }

  async #ensure(member: EtcdMember, upgrade = false): Promise<Started> {
    const found = this.#process.running();
    if (found) {
      this.#since ||= Date.now();
      return found;
    }
    const { program, save, last } = await this.fittingProgram(upgrade);
    const { path, identity, version } = program;
    if (save) await saveData(this.data, { last: last!.join("."), next: version.join(".") });
    await Deno.mkdir(this.#files.data, { recursive: true, mode: 0o700 });
    await this.#kept.keep(program);
    this.#since = Date.now();
    return this.#process.start({
      path,
      identity,
      version: version.join("."),
      fingerprint: await fingerprint({ member, files: this.#files }, version),
    }, etcdArguments({ member, files: this.#files }, version));
  }

  /**
   * The program for the data that is there.
   *
   * @param upgrade the data was prepared for what is installed
   * @throws {NetsvcError} `unsupported`; `exhausted`: there is no room for its first data
   */
  async fittingProgram(upgrade = false) {
    const [installed, kept] = await Promise.all([
      this.findProgram().catch((error: Error) => error),
      this.#kept.find(),
    ]);
    const hasData = await this.hasData();
    if (!hasData) needRoom(this.data);
    const last = hasData ? await lastVersion(this.#record) ?? kept?.version : undefined;
    const chosen = chooseProgram({ last, installed, kept, upgrade });
    return { ...chosen, last, ...installed instanceof Error && { missing: installed } };
  }

  async #watch(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    await this.#turn.run(async () => {
      try {
        keepShort(this.#log);
        await this.#look();
      } catch (error) {
        const why = errorChain(error).join(": ");
        this.#later();
        log.error("Cannot start etcd: {why}", { why });
      }
    }).finally(() => this.#watching = false);
  }

  async #look(): Promise<void> {
    const member = this.#member;
    if (!member || this.#timer === undefined) return;
    const running = this.#process.running();
    if (running && isRunning(running.process)) {
      if (Date.now() - this.#since > STEADY_MS) this.#failures = 0;
      this.#again = 0;
      return;
    }
    if (this.#again === 0) {
      const why = describeEnd(await this.#process.end(), this.#process.words());
      log.error("etcd has ended: {why}", { why });
      return this.#later();
    }
    if (Date.now() < this.#again) return;
    const { process } = await this.#ensure(member);
    member.existing = true;
    log.info("Started etcd again, as process {pid}", { pid: process.pid });
    this.#again = 0;
  }

  #later(): void {
    this.#again = Date.now() + backoff(++this.#failures, { longest: LONGEST_MS });
  }

  /** Looks no more after it; it runs on. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#member = undefined;
  }
}

/** Why an etcd couldn't be started now, or only by the copy of its program; neither where all is well. */
export async function obstacles(
  child: Pick<EtcdChild, "fittingProgram">,
): Promise<{ cannot?: string; copied?: string }> {
  const tell = (error: unknown) => errorChain(error).join(": ");
  return await child.fittingProgram().then(
    ({ missing }) => missing ? { copied: tell(missing) } : {},
    (error) => ({ cannot: tell(error) }),
  );
}

/** On a full disk, too, etcd is looked after. */
function keepShort(file: LogFile): void {
  try {
    file.look();
    file.cut();
  } catch (error) {
    log.debug("Cannot keep etcd's log short: {cause}", { cause: errorChain(error).join(": ") });
  }
}

/** Of what it reads at its start alone; certificates and revocations it reads at each handshake. */
async function fingerprint(
  { member, files }: { member: EtcdMember; files: EtcdFiles },
  version: EtcdProgram["version"],
): Promise<string> {
  const lasting = { ...member, members: {}, existing: true, alone: false };
  const argv = etcdArguments({ member: lasting, files }, version);
  const ca = await Promise.all(
    [files.ca, files.peerCa].map(async (path) =>
      trusts(await Deno.readTextFile(path).catch(() => ""))
    ),
  );
  return createHash("sha256").update(JSON.stringify([argv, ca])).digest("hex");
}

/** Which of two authorities comes first is nothing that it would have to be restarted for. */
function trusts(text: string): string {
  const all = certificatesOf(text);
  return all.length < 2 ? text : all.sort().join("\n");
}

/** Copies the data of a version that another one takes over. */
async function saveData(
  data: string,
  { last, next }: { last: string; next: string },
): Promise<void> {
  const copy = `${data}.of-${last}`;
  await copyDirectory(data, copy);
  log.warn("etcd {next} takes over what {last} has written; a copy of that is in {copy}", {
    next,
    last,
    copy,
  });
}

/** Data of former memberships is of no use but the last one's. */
async function keepLast(data: string, aside: string): Promise<void> {
  const directory = data.slice(0, data.lastIndexOf("/"));
  for await (const { name } of Deno.readDir(directory)) {
    const path = `${directory}/${name}`;
    const old = /\d{4}-\d\d-\d\dT[\d-]+Z$/.test(name) && path.startsWith(`${data}.`);
    if (old && path !== aside) await Deno.remove(path, { recursive: true });
  }
}

/** The version that ran last. */
async function lastVersion(record: string): Promise<EtcdProgram["version"] | undefined> {
  try {
    return parseVersion(JSON.parse(await Deno.readTextFile(record)).version);
  } catch {
    return undefined;
  }
}

async function removeIfThere(path: string): Promise<void> {
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}
