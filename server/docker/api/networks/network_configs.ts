/**
 * Configuration-only networks: settings that Docker's clients save under a name on this host, and create
 * networks from (`--config-only`, `--config-from`). They have nothing in the kernel.
 *
 * @module
 */
import { z } from "zod";
import type { Mirror } from "../../../model/mirror.ts";
import { Configurations } from "../../../model/repository/docker.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { isIdPrefix } from "../../../../lib/api/names.ts";
import { NetworkCreate } from "../bodies.ts";

type Body = z.output<typeof NetworkCreate>;

export interface NetworkConfig {
  id: string;
  created: string;
  body: Body;
}

const RECORD = z.object({ id: z.string(), created: z.string(), body: NetworkCreate });

export class NetworkConfigs {
  readonly #records: Configurations<NetworkConfig>;

  constructor(local: Mirror) {
    this.#records = new Configurations(local, RECORD);
  }

  list(): NetworkConfig[] {
    return this.#records.list();
  }

  /** Finds a configuration by id, name or prefix of an id. */
  find(reference: string): NetworkConfig | undefined {
    const all = this.list();
    const exact = all.find(({ id, body }) => id === reference || body.Name === reference);
    if (exact || !isIdPrefix(reference)) return exact;
    const found = all.filter(({ id }) => id.startsWith(reference));
    return found.length === 1 ? found[0] : undefined;
  }

  /** Saves a configuration. @throws {NetsvcError} `invalid` */
  async create(body: Body): Promise<NetworkConfig> {
    if (body.ConfigFrom?.Network) {
      throw new NetsvcError(
        "invalid",
        "a configuration network cannot depend on another configuration network",
      );
    }
    const id = crypto.getRandomValues(new Uint8Array(32)).toHex();
    const config = { id, created: new Date().toISOString(), body };
    await this.#records.put(config);
    return config;
  }

  async remove({ id }: NetworkConfig): Promise<void> {
    await this.#records.delete(id);
  }

  /**
   * Merges the settings of a network's configuration into the request for the network.
   *
   * @throws {NetsvcError} `invalid`, also when the request sets such a field itself; `not_found`
   */
  apply(body: Body): Body {
    const name = body.ConfigFrom?.Network;
    if (!name) return body;
    const config = this.find(name)?.body;
    if (!config) {
      throw new NetsvcError("not_found", `configuration network "${name}" not found`);
    }
    const own = (body.IPAM?.Config?.length ?? 0) > 0 ||
      Object.keys(body.Options ?? {}).length > 0 ||
      Object.keys(body.IPAM?.Options ?? {}).length > 0;
    if (own) {
      throw new NetsvcError(
        "invalid",
        "user specified configurations are not supported if the network depends on a configuration " +
          "network",
      );
    }
    return {
      ...body,
      EnableIPv4: config.EnableIPv4 ?? body.EnableIPv4,
      EnableIPv6: body.EnableIPv6 || config.EnableIPv6,
      Internal: body.Internal || config.Internal,
      IPAM: config.IPAM,
      Options: config.Options,
      Labels: { ...config.Labels, ...body.Labels },
    };
  }
}

/** A configuration as `docker network inspect` shows it. */
export function showConfig({ id, created, body }: NetworkConfig) {
  return {
    Name: body.Name,
    Id: id,
    Created: created,
    Scope: "local",
    Driver: "null",
    EnableIPv4: body.EnableIPv4 ?? true,
    EnableIPv6: body.EnableIPv6 ?? false,
    IPAM: {
      Driver: body.IPAM?.Driver ?? "default",
      Options: body.IPAM?.Options ?? {},
      Config: body.IPAM?.Config ?? [],
    },
    Internal: body.Internal ?? false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: true,
    Containers: {},
    Options: body.Options ?? {},
    Labels: body.Labels ?? {},
  };
}
