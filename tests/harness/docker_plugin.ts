/**
 * A host with Docker whose plugin netsvc is, under a name that no other test has: Docker finds plugins
 * in one directory of the machine.
 *
 * @module
 */
import { TestDocker } from "./docker.ts";
import { type TestHost, uniqueName } from "./host.ts";

/** Docker, and what it knows netsvc by. */
export class PluggedDocker implements AsyncDisposable {
  readonly docker: TestDocker;
  /** Name of the driver. */
  readonly driver: string;

  private constructor(docker: TestDocker, driver: string) {
    this.docker = docker;
    this.driver = driver;
  }

  static async create(): Promise<PluggedDocker> {
    return new PluggedDocker(await TestDocker.create(), uniqueName("p"));
  }

  get socket(): string {
    return `/run/docker/plugins/${this.driver}.sock`;
  }

  /** Words for the daemon. */
  get flags(): string[] {
    return [`--docker-socket=${this.docker.socket}`, `--docker-plugin=${this.socket}`];
  }

  /** Makes a network of Docker's that is one of netsvc's. */
  createNetwork(name: string, ...options: string[]): Promise<string> {
    const drivers = ["-d", this.driver, "--ipam-driver", this.driver];
    return this.docker.ok("network", "create", ...drivers, ...options, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.docker[Symbol.asyncDispose]();
    await Deno.remove(this.socket).catch(() => {});
  }
}

/** Runs a step that tells what the daemons logged when it fails. */
export function telling(
  action: () => Promise<void>,
  ...hosts: TestHost[]
): () => Promise<void> {
  return () =>
    action().catch((error) => {
      const logs = hosts.map((host) => host.log()).join("\n---\n");
      throw new Error(`${error instanceof Error ? error.message : error}\n${logs}`);
    });
}
