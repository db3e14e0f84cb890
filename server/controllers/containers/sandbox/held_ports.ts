/**
 * Published ports of containers, held for as long as they live.
 *
 * @module
 */
import { errorChain, NetsvcError } from "../../../../lib/api/errors.ts";
import type { PublishedPort } from "../../../../lib/api/types.ts";
import { portsClash, type PortTarget, portText } from "../../../sandbox/ports/ports.ts";
import { type Context, log } from "../../context.ts";
import { portTarget } from "../../endpoints/specs/port_clients.ts";
import { containerLabel } from "../../labels.ts";

/** Holds ports, and names the container that has a port already. */
export class HeldPorts {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /**
   * Holds a container's ports.
   *
   * @returns the held ports, each with its number
   * @throws {NetsvcError} `in_use`, naming the other container that has a port
   */
  hold(
    id: string,
    ports: PublishedPort[],
    target: PortTarget = portTarget(this.#context, id),
  ): PublishedPort[] {
    try {
      return this.#context.ports.hold(id, ports, target);
    } catch (error) {
      const fixed = ports.filter(({ hostPort, hostPortEnd }) =>
        hostPort !== 0 && hostPortEnd === undefined
      );
      const taken = this.taken(fixed, id);
      throw taken === undefined ? error : new NetsvcError("in_use", taken);
    }
  }

  release(id: string): void {
    this.#context.ports.release(id);
  }

  /** Which container has one of the ports, in words. */
  taken(ports: PublishedPort[], unless?: string): string | undefined {
    for (const port of ports) {
      for (const { record } of this.#context.state.containers.values()) {
        if (record.id === unless || record.state === "exited") continue;
        if (!record.ports.some((other) => portsClash(other, port))) continue;
        return `The port ${portText(port)} is already published by container ` +
          `"${containerLabel(record)}"; choose another host port`;
      }
    }
    return undefined;
  }

  /** Refuses ports that are published twice, or by another container. @throws {NetsvcError} `invalid`, `exists` */
  check(ports: PublishedPort[]): void {
    for (const [i, port] of ports.entries()) {
      if (port.hostPort === 0 || port.hostPortEnd !== undefined) continue;
      if (ports.slice(0, i).some((other) => portsClash(other, port))) {
        throw new NetsvcError(
          "invalid",
          `The port ${portText(port)} is published twice; leave one out`,
        );
      }
      const taken = this.taken([port]);
      if (taken !== undefined) throw new NetsvcError("exists", taken);
    }
  }

  /** Holds the ports of all living containers again, after a restart; failures are logged. */
  holdAll(): void {
    for (const { record } of this.#context.state.containers.values()) {
      if (record.state === "exited" || record.ports.length === 0) continue;
      try {
        this.#context.ports.hold(record.id, record.ports, portTarget(this.#context, record.id));
      } catch (error) {
        log.warn("{cause}", { cause: errorChain(error).join(": ") });
      }
    }
  }
}
