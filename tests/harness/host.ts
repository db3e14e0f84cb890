/**
 * A host for tests: a network namespace with a daemon of its own, on directories of its own. All of
 * it is gone when the test is, whatever happened in it.
 *
 * @module
 */
import { namespaceNumber } from "../../lib/linux/namespaces/namespace_identity.ts";
import { readFileSync } from "../../lib/linux/libc.ts";
import { ok, type Result, run, type RunOptions, spawn, until } from "./command.ts";

const root = new URL("../../", import.meta.url).pathname;
const compiled = `${root}dist/netsvc`;

/** The program under test: the executable where there is one, else the source. */
export const NETSVC: string[] = Deno.env.get("NETSVC_FROM_SOURCE") === undefined &&
    await Deno.stat(compiled).then(() => true, () => false)
  ? [compiled]
  : [Deno.execPath(), "run", "-A", `${root}main.ts`];

/** A daemon may take this long to serve, on a busy machine and with a store in trouble. */
const START_MS = 30_000;

let serial = 0;

/** A name that no other test run has. */
export function uniqueName(prefix: string): string {
  return `nst${Deno.pid.toString(36)}${prefix}${(serial++).toString(36)}`;
}

/** A network namespace that goes away. */
export class TestNamespace implements AsyncDisposable {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  static async create(prefix: string): Promise<TestNamespace> {
    const namespace = new TestNamespace(uniqueName(prefix));
    await ok(["ip", "netns", "add", namespace.name]);
    await ok(["ip", "-n", namespace.name, "link", "set", "lo", "up"]);
    return namespace;
  }

  get path(): string {
    return `/run/netns/${this.name}`;
  }

  /** Runs a command inside. */
  run(argv: string[], options: RunOptions = {}): Promise<Result> {
    return run(argv, { ...options, namespace: this.path });
  }

  /** Runs a command inside that must succeed. */
  ok(argv: string[], options: RunOptions = {}): Promise<string> {
    return ok(argv, { ...options, namespace: this.path });
  }

  /** Runs lines of ip-batch(8) inside. */
  async ip(...lines: string[]): Promise<void> {
    await this.ok(["ip", "-batch", "-"], { stdin: `${lines.join("\n")}\n` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of (await run(["ip", "netns", "pids", this.name])).stdout.split("\n")) {
      if (pid) killQuietly(Number(pid));
    }
    await run(["ip", "netns", "del", this.name]);
  }
}

function killQuietly(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** Options of {@linkcode TestHost.create}. */
export interface HostOptions {
  /** Further words for the daemon. */
  flags?: string[];
  /** Don't start the daemon. */
  stopped?: boolean;
  /** Further variables of the daemon's and the client's environment. */
  env?: Record<string, string>;
  /** In the mounts of this machine, as a service of it runs; else in a copy of its own. */
  sharedMounts?: boolean;
  /** Words that start the program; {@linkcode NETSVC} unless given. */
  program?: string[];
}

/** A host with its daemon. */
export class TestHost implements AsyncDisposable {
  /** Another one after a {@linkcode crash}. */
  namespace: TestNamespace;
  readonly directory: string;
  readonly flags: string[];
  readonly env: Record<string, string>;
  readonly #sharedMounts: boolean;
  /** Words that start the program, from the next start on. */
  program: string[];
  #daemon: Deno.ChildProcess | undefined;

  private constructor(
    namespace: TestNamespace,
    directory: string,
    { flags = [], env = {}, sharedMounts = false, program = NETSVC }: HostOptions,
  ) {
    this.namespace = namespace;
    this.directory = directory;
    this.flags = flags;
    this.env = env;
    this.#sharedMounts = sharedMounts;
    this.program = program;
  }

  static async create(options: HostOptions = {}): Promise<TestHost> {
    const namespace = await TestNamespace.create("h");
    const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
    const host = new TestHost(namespace, directory, options);
    try {
      if (!options.stopped) await host.start();
      return host;
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
  }

  get socket(): string {
    return `${this.directory}/n.sock`;
  }
  get runDir(): string {
    return `${this.directory}/run`;
  }
  get stateDir(): string {
    return `${this.directory}/state`;
  }
  get pid(): number {
    return this.#daemon!.pid;
  }

  /** The words that start this host's daemon. */
  get daemonWords(): string[] {
    return [
      ...this.program,
      "-d",
      "-H",
      `unix://${this.socket}`,
      "--state-dir",
      this.stateDir,
      "--run-dir",
      this.runDir,
      ...this.flags,
    ];
  }

  /** Writes the `/etc/resolv.conf` that the daemon sees; for the first time before it starts. */
  async setResolvConf(text: string): Promise<void> {
    // `ip netns exec` binds files of this directory over those of /etc.
    await Deno.mkdir(this.#etc, { recursive: true });
    await Deno.writeTextFile(`${this.#etc}/resolv.conf`, text);
  }

  get #etc(): string {
    return `/etc/netns/${this.namespace.name}`;
  }

  /** Starts the daemon and waits until it serves, for so many milliseconds. */
  async start(ms = START_MS): Promise<void> {
    const log = await Deno.open(`${this.directory}/log`, { create: true, append: true });
    log.close();
    const logged = ["sh", "-c", 'log=$1; shift; exec "$@" >> "$log" 2>&1', "sh"];
    const words = [...logged, `${this.directory}/log`, ...this.daemonWords];
    // As a user would on such a host; this also gives it a mount namespace of its own.
    const child = this.#sharedMounts
      ? spawn(words, { env: this.env, namespace: this.namespace.path })
      : spawn(["ip", "netns", "exec", this.namespace.name, ...words], { env: this.env });
    this.#daemon = child;
    let ended = false;
    child.status.then(() => ended = true);
    // Not by a process: on few cores it would take the time that the daemon needs.
    using http = Deno.createHttpClient({ proxy: { transport: "unix", path: this.socket } });
    await until(
      "the daemon serves",
      async () => {
        if (ended) throw new Error(`The daemon ended:\n${this.log()}`);
        const answer = await fetch("http://localhost/healthz", {
          client: http,
          signal: AbortSignal.timeout(ms),
        }).catch(() => undefined);
        await answer?.body?.cancel();
        return answer?.ok;
      },
      ms,
      2,
    );
  }

  /** Ends the daemon with a signal and waits until it is gone. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<Deno.CommandStatus> {
    const daemon = this.#daemon!;
    daemon.kill(signal);
    return await daemon.status;
  }

  /**
   * The machine loses its power: the daemon, all containers and the namespace with everything in it are
   * gone. What is on the disk stays; {@linkcode start} boots it again, in a namespace of its own that
   * is not wired to anything.
   */
  async crash(): Promise<void> {
    await this.#destroy();
    await Deno.remove(this.runDir, { recursive: true });
    this.namespace = await TestNamespace.create("h");
  }

  /** What the daemon logged. */
  log(): string {
    return Deno.readTextFileSync(`${this.directory}/log`);
  }

  /** Runs the client. */
  run(words: string[], options: RunOptions = {}): Promise<Result> {
    const env = { ...this.env, ...options.env };
    return run([...NETSVC, "-H", `unix://${this.socket}`, ...words], { ...options, env });
  }

  /** Runs the client; it must succeed. */
  ok(...words: string[]): Promise<string> {
    return ok([...NETSVC, "-H", `unix://${this.socket}`, ...words], { env: this.env });
  }

  /** Starts the client, which goes on. */
  spawn(words: string[]): Deno.ChildProcess {
    return spawn([...NETSVC, "-H", `unix://${this.socket}`, ...words], {
      ...{ stdin: "null", stdout: "piped", stderr: "null" } as const,
      env: this.env,
    });
  }

  /** Runs the client; it must fail with `code` and say `message` on one line. */
  async fails(code: number, message: RegExp, ...words: string[]): Promise<void> {
    const result = await this.run(words);
    const said = result.stderr.trimEnd();
    if (result.code !== code || !message.test(said) || said.includes("\n")) {
      throw new Error(
        `netsvc ${words.join(" ")} should have failed with ${code} and ${message}, ` +
          `but gave ${result.code}: ${result.stdout}${said}`,
      );
    }
  }

  /** Runs a command in the sandbox of a container that netsvc made, without netsvc. */
  async inside(container: string, argv: string[], options: RunOptions = {}): Promise<Result> {
    return await run(argv, { ...options, namespace: await this.sandbox(container) });
  }

  /** Path of a container's namespace. */
  async sandbox(container: string): Promise<string> {
    return await this.ok("container", "info", "--format", "{{.sandbox}}", container);
  }

  /** What the API answers to a request of curl's. */
  async api(path: string, ...words: string[]): Promise<{ status: number; body: string }> {
    const text = await ok([
      "curl",
      "-sS",
      "-w",
      "\n%{http_code}",
      "--unix-socket",
      this.socket,
      ...words,
      `http://localhost${path}`,
    ]);
    const at = text.lastIndexOf("\n");
    return { status: Number(text.slice(at + 1)), body: text.slice(0, at) };
  }

  /** Names of netsvc's links in the host's namespace. */
  async links(): Promise<string[]> {
    const links = JSON.parse(await this.namespace.ok(["ip", "-j", "link", "show"]));
    return links.map(({ ifname }: { ifname: string }) => ifname)
      .filter((name: string) => /^ns[bv]/.test(name)).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#destroy();
    await Deno.remove(this.directory, { recursive: true }).catch(() => {});
  }

  async #destroy(): Promise<void> {
    try {
      if (this.#daemon) await this.stop("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    // Containers' processes and the anchor name this host's directory or are noted in it.
    for (const pid of this.#ownProcesses()) killQuietly(pid);
    // What its daemons noted of the namespace would stay until the next boot.
    const note = `/run/netsvc-namespaces/${namespaceNumber(this.namespace.path)}`;
    await Deno.remove(note).catch(() => {});
    await this.namespace[Symbol.asyncDispose]();
    for (const mount of this.#mounts().reverse()) await run(["umount", "-l", mount]);
    await Deno.remove(this.#etc, { recursive: true }).catch(() => {});
  }

  #mounts(): string[] {
    return readFileSync("/proc/self/mountinfo").split("\n")
      .map((line) => line.split(" ")[4] ?? "")
      .filter((path) => path.startsWith(`${this.directory}/`));
  }

  #ownProcesses(): number[] {
    const pids: number[] = [];
    try {
      pids.push(JSON.parse(Deno.readTextFileSync(`${this.runDir}/resolvers`)).process.pid);
    } catch {
      // No sandbox was there when it was looked at last.
    }
    try {
      pids.push(JSON.parse(Deno.readTextFileSync(`${this.runDir}/anchor`)).pid);
    } catch {
      // There was none.
    }
    for (const entry of Deno.readDirSync("/proc")) {
      const pid = Number(entry.name);
      if (!Number.isInteger(pid) || pid === Deno.pid) continue;
      try {
        if (readFileSync(`/proc/${pid}/cmdline`).includes(this.directory)) pids.push(pid);
      } catch {
        // It has ended.
      }
    }
    return pids;
  }
}
