/**
 * Containers of the Docker engine behind netsvc, on networks of netsvc's: assembles the parts.
 *
 * @module
 */
import type { Docker } from "../../engines/docker/docker.ts";
import type { AdoptedContainers } from "../adopted/adopted.ts";
import type { Backends } from "../adopted/backends.ts";
import type { Desired } from "../adopted/desired.ts";
import type { Follower } from "../adopted/follower.ts";
import type { EarlyStarts } from "../adopted/early_start.ts";
import type { Containers } from "../containers/containers.ts";
import type { Context } from "../context.ts";
import type { Attachments } from "../endpoints/attachments.ts";
import type { Services } from "../services/services.ts";
import { Connections } from "./connections.ts";
import { DesiredEndpoints } from "./desired_endpoints.ts";
import { CatchUp } from "./catch_up.ts";
import { Labels } from "./labels.ts";
import { Starts } from "./starts.ts";

/** What {@linkcode DockerContainers} is made of. */
export interface DockerContainersOptions {
  context: Context;
  services: Services;
  attachments: Attachments;
  backends: Backends;
  containers: Containers;
  adopted: AdoptedContainers;
  engine: Docker;
  desired: Desired;
  early: EarlyStarts;
  follower: Pick<Follower, "watch">;
}

/** All that is done with Docker's containers. */
export class DockerContainers implements Disposable {
  readonly labels: Labels;
  readonly starts: Starts;
  readonly connections: Connections;
  readonly #follower: Pick<Follower, "watch">;
  readonly #catchUp: CatchUp;

  constructor(options: DockerContainersOptions) {
    const { context, engine, desired } = options;
    const labels = this.labels = new Labels(engine, desired, context.state);
    const endpoints = new DesiredEndpoints(options);
    const starts = this.starts = new Starts({ ...options, labels, endpoints });
    this.connections = new Connections({ ...options, labels, endpoints, starts });
    this.#follower = options.follower;
    this.#catchUp = new CatchUp({ engine, desired, labels, starts, locks: context.locks });
    options.services.reserved.push((network) => desired.fixedAddresses(network));
  }

  /** Begins to follow the engine's events. */
  run(): void {
    this.#follower.watch("docker", (event) => this.#catchUp.after(event));
  }

  [Symbol.dispose](): void {
    this.starts[Symbol.dispose]();
  }
}
