/**
 * Questions to a driver that change nothing which controllers track.
 *
 * @module
 */
import type {
  DesiredNetwork,
  Driver,
  DriverCapabilities,
  HostSpec,
  NetworkSpec,
  ReconcileReport,
} from "../../drivers/driver.ts";

/** A driver's answers, with defaults for what it doesn't implement. */
export class DriverFacts {
  readonly #driver: Driver;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  get name(): string {
    return this.#driver.name;
  }

  get capabilities(): DriverCapabilities {
    return this.#driver.capabilities;
  }

  get missing(): readonly string[] {
    return this.#driver.missing ?? [];
  }

  async look(): Promise<string[]> {
    return await this.#driver.look?.() ?? [];
  }

  validate(options: Record<string, string>, ipv6?: boolean): void {
    this.#driver.validate(options, ipv6);
  }

  hostLink(network: NetworkSpec): string | undefined {
    return this.#driver.hostLink?.(network);
  }

  /** The reconciler keeps everything else from changing meanwhile. */
  reconcile(desired: DesiredNetwork[], thorough?: boolean): Promise<ReconcileReport> {
    return this.#driver.reconcile(desired, thorough);
  }

  async activate(): Promise<void> {
    await this.#driver.activate?.();
  }

  async needsGateway(options: Record<string, string>): Promise<{ 4: boolean; 6: boolean }> {
    const needs = this.capabilities.gateway !== "leg";
    return await this.#driver.needsGateway?.(options) ?? { 4: needs, 6: needs };
  }

  async setHosts(hosts: HostSpec[]): Promise<void> {
    await this.#driver.setHosts?.(hosts);
  }

  async endpointInfo(network: string, endpoint: string): Promise<Record<string, unknown>> {
    return await this.#driver.endpointInfo?.(network, endpoint) ?? {};
  }
}
