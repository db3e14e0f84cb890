/**
 * Real stores as disposable objects: a server process on a directory and a port of its own, which
 * can be killed and started again on the same data.
 *
 * @module
 */
import type { Endpoint } from "../../kv/url/url_parts.ts";
import { ok, spawn, until } from "./command.ts";

/** Longest time that a server may take to serve, in milliseconds. */
const START_MS = 60_000;

/** Options that all servers take. */
export interface ServerOptions {
  /** Path of the network namespace to run in. */
  namespace?: string;
  /** Address to serve at; loopback unless given. It must be there, in the namespace. */
  host?: string;
  /** Port to serve at; a free one unless given. */
  port?: number;
  /** Of the server, where several are tested; the newest unless given. */
  version?: string;
  /** Member of an ensemble; alone unless given. */
  member?: Membership;
}

/** Where a member of an ensemble is found by the others. */
export interface Peer extends Endpoint {
  /** Further ports that members speak to each other at; how many depends on the store. */
  ports: number[];
}

/** A member of an ensemble. */
export interface Membership {
  /** Which one of `peers` it is. */
  index: number;
  peers: Peer[];
}

/** Connects to a port from a namespace and gives what is answered to `text`; nothing is sent if empty. */
export async function exchange(
  { host, port }: Endpoint,
  text: string,
  namespace: string | undefined,
): Promise<string> {
  const script = 'exec 3<>"/dev/tcp/$1/$2" && [ -z "$3" ] || { printf %s "$3" >&3; cat <&3; }';
  return await ok(["timeout", "5", "bash", "-c", script, "bash", host, String(port), text], {
    ...namespace !== undefined && { namespace },
  });
}

/** What differs between servers. */
export interface ServerSpec {
  provider: "etcd" | "consul" | "zookeeper" | "denokv";
  /** Words that start it in the foreground. */
  argv(server: TestServer): string[];
  env?: Record<string, string>;
  /** Whether it serves; asked again and again. It may throw instead of saying no. */
  ready(server: TestServer): Promise<boolean>;
  /** The value of `--kv-store`; `PROVIDER:HOST:PORT` unless given. */
  url?(server: TestServer): string;
  /** Runs once before the first start: files in `server.directory`. */
  prepare?(server: TestServer): Promise<void>;
}

/** So many ports are one file of tests' for its servers. */
const SLICE = 1000;
const FIRST_PORT = 10_000;
const SLICES = 20;
const given = new Set<number>();

/**
 * Several processes run tests beside each other, and a server that is down for a moment must find its port free: each
 * file of tests takes the ports of a slice of its own.
 */
function takeSlice(): number {
  const begin = Math.floor(Math.random() * SLICES);
  for (let i = 0; i < SLICES; i++) {
    const first = FIRST_PORT + (begin + i) % SLICES * SLICE;
    try {
      Deno.listen({ hostname: "127.0.0.1", port: first }).unref();
      return first;
    } catch {
      // Another process has it.
    }
  }
  throw new Error("No slice of ports is free");
}

/** Its first port is held from now on: no test opens it, nor seems to leave it open. */
const slice = takeSlice();

/** A port of loopback that is free, outside of what the kernel gives to outgoing connections. */
export function freePort(): number {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const port = slice + 1 + Math.floor(Math.random() * (SLICE - 1));
    if (given.has(port)) continue;
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
    } catch {
      continue;
    }
    given.add(port);
    return port;
  }
  throw new Error("There is no free port");
}

/** A running store. */
export class TestServer implements AsyncDisposable, Endpoint {
  readonly provider: ServerSpec["provider"];
  readonly host: string;
  readonly port: number;
  readonly directory: string;
  readonly #spec: ServerSpec;
  readonly #namespace: string | undefined;
  #child: Deno.ChildProcess | undefined;
  /** By itself. */
  #ended = false;

  private constructor(spec: ServerSpec, options: ServerOptions, directory: string) {
    this.#spec = spec;
    this.#namespace = options.namespace;
    this.provider = spec.provider;
    this.host = options.host ?? "127.0.0.1";
    this.port = options.port ?? freePort();
    this.directory = directory;
  }

  /** Starts a server and waits until it serves. */
  static async create(spec: ServerSpec, options: ServerOptions = {}): Promise<TestServer> {
    const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
    const server = new TestServer(spec, options, directory);
    try {
      await spec.prepare?.(server);
      await server.start();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `HOST:PORT`, an IPv6 address in brackets. */
  get endpoint(): string {
    return this.host.includes(":") ? `[${this.host}]:${this.port}` : `${this.host}:${this.port}`;
  }

  /** The value of `--kv-store`. */
  get url(): string {
    return this.#spec.url?.(this) ?? `${this.provider}:${this.endpoint}`;
  }

  /** The process, while it runs. */
  get pid(): number {
    return this.#child!.pid;
  }

  /** Whether it was started and not stopped. */
  get running(): boolean {
    return this.#child !== undefined;
  }

  /** Starts it, again on the same data and port, and waits until it serves. */
  async start(): Promise<void> {
    this.launch();
    await this.serves();
  }

  /** Waits until it serves: for a member of an ensemble, until it has a leader. */
  async serves(): Promise<void> {
    await until(`${this.provider} serves`, async () => {
      if (this.#ended) throw new Error(`${this.provider} ended:\n${this.log()}`);
      return await this.#spec.ready(this).catch(() => false);
    }, START_MS);
  }

  /** Starts it and doesn't wait: a member without a quorum serves nobody. */
  launch(): void {
    const log = `${this.directory}/log`;
    const child = spawn(
      ["sh", "-c", 'log=$1; shift; exec "$@" >> "$log" 2>&1', "sh", log, ...this.#spec.argv(this)],
      {
        cwd: this.directory,
        stdin: "null",
        ...this.#spec.env && { env: this.#spec.env },
        ...this.#namespace !== undefined && { namespace: this.#namespace },
      },
    );
    this.#child = child;
    this.#ended = false;
    child.status.then(() => {
      if (this.#child === child) this.#ended = true;
    });
  }

  /** Ends it with a signal and waits until it is gone. Its data stays. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child) return;
    try {
      child.kill(signal);
      // One that is frozen dies when it thaws.
      child.kill("SIGCONT");
    } catch {
      // It has ended by itself.
    }
    await child.status;
  }

  /** Stops the process where it stands, as a hung machine does; `thaw()` lets it go on. */
  async freeze(): Promise<void> {
    this.#child!.kill("SIGSTOP");
    const state = () => Deno.readTextFileSync(`/proc/${this.pid}/stat`).split(") ").at(-1)![0];
    await until("the process stands still", () => state() === "T");
  }

  /** Ends {@linkcode freeze}. */
  thaw(): void {
    this.#child!.kill("SIGCONT");
  }

  /** What it logged. */
  log(): string {
    return Deno.readTextFileSync(`${this.directory}/log`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
    await Deno.remove(this.directory, { recursive: true });
  }
}
