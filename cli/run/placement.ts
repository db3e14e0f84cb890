/**
 * Options by which a container goes to networks, of `run` and `container create`.
 *
 * @module
 */
import type { Command } from "commander";
import type { Container, PublishedPort } from "../../lib/api/types.ts";
import { option } from "../completion/declare.ts";
import { networks, services } from "../completion/objects.ts";
import { collect } from "../options/collect.ts";
import { portText } from "../output/container_listing.ts";
import { warn } from "../context.ts";
import { parsePublish } from "./ports.ts";

/** Options by which a container goes to networks; `run` has them too. */
export interface PlacementOptions {
  name?: string;
  hostname?: string;
  net?: string;
  publishService: string[];
  publish: string[];
}

/** Adds {@linkcode PlacementOptions}. */
export function addPlacementOptions(command: Command): Command {
  return command
    .option("--name <NAME>", "Name; on a network it is a service of this name")
    .option("--hostname <NAME>", "Host name inside")
    .addOption(
      option("--net <NETWORK>", "Network, or host, none, container:NAME").completedBy(networks),
    )
    .addOption(
      option("--publish-service <SERVICE.NETWORK>", "Be this service (repeatable)").completedBy(
        services,
      ).repeatable(),
    )
    .option(
      "-p, --publish <PORT>",
      "Publish [[IP:]HOST:]CTR[/PROTO]; without HOST on a free port (repeatable)",
      collect,
      [],
    );
}

/** The fields of a request about its placement. */
export function placement(options: PlacementOptions) {
  return {
    ...options.name !== undefined && { name: options.name },
    ...options.hostname !== undefined && { hostname: options.hostname },
    ...options.net !== undefined && { network: options.net },
    publishServices: options.publishService,
    ports: options.publish.flatMap(parsePublish),
  };
}

/** Prints which ports of the host the daemon picked, where the user left the choice to it. */
export function tellPorts(wanted: PublishedPort[], { ports }: Container): void {
  if (wanted.every(({ hostPort }) => hostPort !== 0)) return;
  warn(`Published ${ports.map(portText).join(", ")}`);
}
