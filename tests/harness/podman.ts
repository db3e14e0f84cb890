/**
 * Podman for tests, on directories of its own.
 *
 * @module
 */
import { ok, spawn, until } from "./command.ts";
import { makeImage, removeTree } from "./image.ts";

/** Podman; it has the image `box`. */
export class TestPodman implements AsyncDisposable {
  readonly directory: string;
  readonly env: Record<string, string>;
  #service: Deno.ChildProcess | undefined;

  private constructor(directory: string) {
    this.directory = directory;
    this.env = {
      CONTAINERS_STORAGE_CONF: `${directory}/storage.conf`,
      CONTAINERS_CONF: `${directory}/containers.conf`,
    };
  }

  static async create(): Promise<TestPodman> {
    const at = await Deno.makeTempDir({ prefix: "netsvc-test-" });
    const podman = new TestPodman(at);
    await Deno.writeTextFile(
      podman.env.CONTAINERS_STORAGE_CONF!,
      `[storage]\ndriver = "vfs"\ngraphroot = "${at}/root"\nrunroot = "${at}/run"\n`,
    );
    await Deno.writeTextFile(
      podman.env.CONTAINERS_CONF!,
      `[engine]\nevents_logger = "file"\ncgroup_manager = "cgroupfs"\ntmp_dir = "${at}/tmp"\n` +
        `[network]\nnetwork_config_dir = "${at}/net"\n` +
        // The defaults may be more than this machine allows.
        `[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n`,
    );
    await podman.ok("import", await makeImage(at), "box");
    return podman;
  }

  get socket(): string {
    return `${this.directory}/podman.sock`;
  }

  /** Starts its service on {@linkcode socket}. */
  async serve(): Promise<void> {
    this.#service = spawn(["podman", "system", "service", "--time=0", `unix://${this.socket}`], {
      env: this.env,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    await until("podman serves", () => Deno.stat(this.socket).then(() => true, () => false));
  }

  ok(...words: string[]): Promise<string> {
    return ok(["podman", ...words], { env: this.env });
  }

  /** Starts a container without network that sleeps, and gives its id. */
  async sleeper(name: string, ...options: string[]): Promise<string> {
    const network = options.includes("--network") ? [] : ["--network", "none"];
    const words = ["run", "-d", "--name", name, ...network, ...options];
    return await this.ok(...words, "box", "sleep", "1000");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ok("rm", "-f", "-t", "0", "-a");
    this.#service?.kill("SIGTERM");
    await this.#service?.status;
    await removeTree(this.directory);
  }
}
