/**
 * Assembles what is done with containers that another program runs: a file of this folder for each action. A
 * container is adopted when it is to back a service, and released when it backs none any more or has ended.
 *
 * @module
 */
import type { Engines } from "../../engines/engines.ts";
import type { Machine } from "../../machine/machine.ts";
import type { Sandboxes } from "../../sandbox/sandboxes.ts";
import type { Containers } from "../containers/containers.ts";
import type { Context } from "../context.ts";
import type { Services } from "../services/services.ts";
import { Adopter } from "./adopt.ts";
import { AnyContainer } from "./any_container.ts";
import { AdoptedReaper } from "./reap.ts";
import { Release } from "./release.ts";
import { Resolver } from "./resolve.ts";

/** What {@linkcode AdoptedContainers} are made of. */
export interface AdoptedParts {
  machine: Pick<Machine, "look">;
  engines: Engines;
  containers: Containers;
  services: Services;
  sandboxes: Sandboxes;
}

/** All actions on adopted containers. */
export class AdoptedContainers {
  readonly reaper: AdoptedReaper;
  readonly release: Release;
  readonly adopter: Adopter;
  readonly resolver: Resolver;
  readonly any: AnyContainer;

  constructor(context: Context, parts: AdoptedParts) {
    const { containers, containers: { store } } = parts;
    const reaper = this.reaper = new AdoptedReaper(context, parts);
    const release = this.release = new Release(context, parts);
    const adopter = this.adopter = new Adopter(context, { ...parts, reaper, release });
    this.resolver = new Resolver({ ...parts, store, adopter, release });
    this.any = new AnyContainer({ containers, reaper, release });
  }
}
