/**
 * The plugin of `tests/fixtures/plugin.py`, running.
 *
 * @module
 */
import { ok, spawn, until } from "./command.ts";

const script = new URL("../fixtures/plugin.py", import.meta.url).pathname;

/** A call that the plugin got. */
export interface PluginCall {
  method: string;
  // deno-lint-ignore no-explicit-any -- whatever was sent
  body: any;
  accept?: string;
  host?: string;
  type?: string;
  /** DeleteEndpoint: the link was back under the plugin's name. */
  wasBack?: boolean;
}

/** A way to misbehave; see the plugin. */
export interface Misbehaviour {
  /** `TYPE.METHOD`, or `*`. */
  method: string;
  delay?: number;
  hang?: boolean;
  drop?: boolean;
  status?: number;
  raw?: string;
  json?: unknown;
  times?: number;
}

/** Options of {@linkcode TestPlugin.start}. */
export interface TestPluginOptions {
  /** As the plugin takes it: `unix:PATH`, `tcp:HOST:PORT`, `tls:…`. */
  listen: string;
  /** Path of the namespace to run in. */
  namespace?: string;
  /** Words for curl to reach a plugin that needs more than its address. */
  curl?: string[];
}

/** A plugin that ends with the test. */
export class TestPlugin implements AsyncDisposable {
  readonly #options: TestPluginOptions;
  #child!: Deno.ChildProcess;
  /** Where it listens: a path, or `HOST:PORT`. */
  where = "";

  private constructor(options: TestPluginOptions) {
    this.#options = options;
  }

  static async start(options: TestPluginOptions): Promise<TestPlugin> {
    const plugin = new TestPlugin(options);
    await plugin.restart();
    return plugin;
  }

  /** Starts it; what it knew before is forgotten. */
  async restart(): Promise<void> {
    const { listen, namespace } = this.#options;
    this.#child = spawn(["python3", script, this.where ? this.#again(listen) : listen], {
      stdin: "null",
      stdout: "piped",
      ...namespace !== undefined && { namespace },
    });
    const reader = this.#child.stdout.getReader();
    let said = "";
    await until("the plugin listens", async () => {
      const { value, done } = await reader.read();
      if (done) throw new Error("The plugin ended");
      said += new TextDecoder().decode(value);
      return said.includes("\n");
    });
    await reader.cancel();
    this.where = said.trim();
  }

  /** A port that was picked stays the plugin's. */
  #again(listen: string): string {
    return listen.startsWith("unix:")
      ? listen
      : listen.replace(/^(\w+:)[^,]+/, (_, kind) => `${kind}${this.where}`);
  }

  /** Kills it; its socket stays, as it does when a program is killed. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
  }

  async #control(path: string, body?: unknown): Promise<string> {
    const { namespace, listen, curl = [] } = this.#options;
    const unix = listen.startsWith("unix:");
    const scheme = listen.startsWith("tls:") ? "https" : "http";
    return await ok([
      "curl",
      "-sS",
      "--noproxy",
      "*",
      ...curl,
      ...unix ? ["--unix-socket", this.where] : [],
      ...body === undefined ? [] : ["--data-binary", "@-"],
      `${scheme}://${unix ? "localhost" : this.where}${path}`,
    ], {
      ...namespace !== undefined && { namespace },
      ...body !== undefined && { stdin: JSON.stringify(body) },
    });
  }

  async calls(): Promise<PluginCall[]> {
    return JSON.parse(await this.#control("/calls"));
  }

  /** Methods called, in order. */
  async methods(): Promise<string[]> {
    return (await this.calls()).map(({ method }) => method);
  }

  async behave(...how: Misbehaviour[]): Promise<void> {
    await this.#control("/behave", how);
  }

  async scope(capabilities: Record<string, unknown>): Promise<void> {
    await this.#control("/scope", capabilities);
  }

  async implements(...types: string[]): Promise<void> {
    await this.#control("/implements", types);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.kill();
    } catch {
      // It was killed before.
    }
  }
}
