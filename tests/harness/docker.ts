/**
 * A Docker daemon for tests, on directories and in a network namespace of its own.
 *
 * @module
 */
import { ok, run, spawn, until } from "./command.ts";
import { TestNamespace } from "./host.ts";
import { makeImage, removeTree } from "./image.ts";
import { SERVERS } from "./versions.ts";

/**
 * Where `tests/setup.sh` unpacks a current engine, and whether it could: the distribution's, on PATH, is
 * another one, and the only one where nothing newer was at hand.
 */
const CURRENT = `${SERVERS}/docker`;
export const HAS_CURRENT: boolean = await Deno.stat(`${CURRENT}/done`).then(
  () => true,
  () => false,
);

/** Options of {@linkcode TestDocker.create}. */
export interface DockerOptions {
  /** `current`, where there is one, unless given; `distribution`: what the oldest of today's users have. */
  engine?: "current" | "distribution";
  /** Further words for dockerd. */
  flags?: string[];
}

/** Engines that were told of: a log says once which ones its tests ran on. */
const told = new Set<string>();

/** Docker's daemon; it has the image `box`. */
export class TestDocker implements AsyncDisposable {
  readonly namespace: TestNamespace;
  readonly directory: string;
  #daemon!: Deno.ChildProcess;
  #containerd!: Deno.ChildProcess;

  /** Whether it is the unpacked one. */
  readonly current: boolean;

  readonly #flags: string[];

  private constructor(
    namespace: TestNamespace,
    directory: string,
    current: boolean,
    flags: string[],
  ) {
    this.#flags = flags;
    this.namespace = namespace;
    this.directory = directory;
    this.current = current;
  }

  static async create({ engine = "current", flags = [] }: DockerOptions = {}): Promise<TestDocker> {
    const namespace = await TestNamespace.create("k");
    const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
    const docker = new TestDocker(namespace, directory, engine === "current" && HAS_CURRENT, flags);
    try {
      await docker.#startContainerd();
      await docker.start();
      await docker.#tellVersion();
      await docker.ok("import", await makeImage(docker.directory), "box");
      return docker;
    } catch (error) {
      await docker[Symbol.asyncDispose]();
      throw error;
    }
  }

  get socket(): string {
    return `${this.directory}/docker.sock`;
  }

  get pid(): number {
    return this.#daemon.pid;
  }

  // Only the network is their own: with `ip netns exec` they wouldn't see the control groups.
  #spawn(argv: string[]): Deno.ChildProcess {
    const log = ["sh", "-c", 'log=$1; shift; exec "$@" >> "$log" 2>&1', "sh"];
    const { path } = this.namespace;
    return spawn([...log, `${this.directory}/log`, ...argv], {
      namespace: path,
      stdin: "null",
      // Its own containerd, shim and runc come first.
      ...this.current && { env: { PATH: `${CURRENT}:${Deno.env.get("PATH")}` } },
    });
  }

  async #tellVersion(): Promise<void> {
    const format = "{{.Server.Version}} (API {{.Server.APIVersion}})";
    const version = await this.ok("version", "--format", format);
    const text = `Docker's engine under test: ${version}`;
    if (!told.has(text)) console.log(text);
    told.add(text);
  }

  /** As on real hosts a daemon of its own: one that dockerd starts dies with it. */
  async #startContainerd(): Promise<void> {
    const at = `${this.directory}/containerd`;
    await Deno.mkdir(at);
    await Deno.writeTextFile(
      `${at}/config.toml`,
      `version = ${this.current ? 3 : 2}\nroot = "${at}/root"\nstate = "${at}/state"\n` +
        (this.current ? "" : `disabled_plugins = ["io.containerd.grpc.v1.cri"]\n`) +
        `[grpc]\naddress = "${at}/sock"\n`,
    );
    this.#containerd = this.#spawn(["containerd", "--config", `${at}/config.toml`]);
    await until("containerd serves", () => Deno.stat(`${at}/sock`).then(() => true, () => false));
  }

  async start(): Promise<void> {
    const at = this.directory;
    this.#daemon = this.#spawn([
      ...["dockerd", "--containerd", `${at}/containerd/sock`],
      ...["--data-root", `${at}/data`, "--exec-root", `${at}/exec`],
      ...["-H", `unix://${this.socket}`, "--pidfile", `${at}/pid`, "--storage-driver", "vfs"],
      // The runc beside it is built without.
      ...this.current ? ["--seccomp-profile", "unconfined"] : [],
      ...this.#flags,
    ]);
    let ended = false;
    this.#daemon.status.then(() => ended = true);
    await until("dockerd serves", async () => {
      if (ended) throw new Error(`dockerd ended:\n${await Deno.readTextFile(`${at}/log`)}`);
      return (await this.run("version")).code === 0;
    }, 60_000);
  }

  /** Ends the daemon alone; its containers end with it unless it is killed. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<void> {
    this.#daemon.kill(signal);
    await this.#daemon.status;
  }

  /** The same command at another socket. */
  at(socket: string): Pick<TestDocker, "run" | "ok"> {
    const words = ["docker", "-H", `unix://${socket}`];
    return {
      run: (...more: string[]) => run([...words, ...more]),
      ok: (...more: string[]) => ok([...words, ...more]),
    };
  }

  run(...words: string[]) {
    return run(["docker", "-H", `unix://${this.socket}`, ...words]);
  }

  ok(...words: string[]): Promise<string> {
    return ok(["docker", "-H", `unix://${this.socket}`, ...words]);
  }

  /** Starts a container that sleeps, and gives its id. */
  sleeper(name: string, ...options: string[]): Promise<string> {
    return this.ok("run", "-d", "--name", name, ...options, "box", "sleep", "1000");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { stdout } = await this.run("ps", "-aq");
    const ids = stdout.split("\n").filter(Boolean);
    if (ids.length > 0) await this.run("rm", "-f", ...ids);
    try {
      await this.stop();
    } catch {
      // It has ended by itself.
    }
    try {
      this.#containerd.kill("SIGTERM");
      await this.#containerd.status;
    } catch {
      // So has this.
    }
    await this.namespace[Symbol.asyncDispose]();
    await removeTree(this.directory);
  }
}
