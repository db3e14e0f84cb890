/**
 * Users of an etcd cluster: a certificate's common name is its user. None has a password.
 *
 * @module
 */
import { errorChain } from "../../../lib/api/errors.ts";
import type { AdminChannels } from "./admin_calls.ts";

/** The role that may do everything; etcd has it by itself, and the user of the same name must have it. */
export const ROOT = "root";

/** What a role may do with all keys that begin with a prefix. */
export interface Grant {
  prefix: string;
  access: "read" | "readwrite";
}

const ACCESS = { read: "READ", readwrite: "READWRITE" } as const;

const encoder = new TextEncoder();

/** The end of a range of all keys with a prefix (one more than its last byte, which is never 0xff in UTF-8). */
export function rangeEnd(prefix: Uint8Array): Uint8Array {
  const end = prefix.slice();
  end[end.length - 1]! += 1;
  return end;
}

/** Adds and deletes users; harmless twice. */
export class EtcdUsers {
  readonly #channels: AdminChannels;

  constructor(channels: AdminChannels) {
    this.#channels = channels;
  }

  async list(): Promise<string[]> {
    return (await this.#channels.call("Auth/UserList", {})).users;
  }

  async rolesOf(name: string): Promise<string[]> {
    return (await this.#channels.call("Auth/UserGet", { name })).roles;
  }

  /** Adds a user with a role. */
  async add(name: string, role: string): Promise<void> {
    const request = { name, password: "", options: { no_password: true } };
    await tolerate(/already exists/, this.#channels.call("Auth/UserAdd", request));
    await this.grant(name, role);
  }

  /** Deletes a user: its certificate is no good from now on. */
  async delete(name: string): Promise<void> {
    await tolerate(/not found/, this.#channels.call("Auth/UserDelete", { name }));
  }

  /** Adds a role, or grants one more. */
  async addRole(name: string, grants: Grant[]): Promise<void> {
    await tolerate(/already exists/, this.#channels.call("Auth/RoleAdd", { name }));
    for (const { prefix, access } of grants) {
      const key = encoder.encode(prefix);
      await this.#channels.call("Auth/RoleGrantPermission", {
        name,
        perm: { permType: ACCESS[access], key, range_end: rangeEnd(key) },
      });
    }
  }

  /** Deletes a role. */
  async deleteRole(role: string): Promise<void> {
    await tolerate(/not found/, this.#channels.call("Auth/RoleDelete", { role }));
  }

  /** Gives a user one more role. */
  async grant(user: string, role: string): Promise<void> {
    await this.#channels.call("Auth/UserGrantRole", { user, role });
  }

  /**
   * Has etcd ask for users from now on. The user `root`, which etcd wants, has no password, and nobody gets
   * a certificate of that name.
   *
   * @param admin the user of the certificate that this is done with
   */
  async enable(admin: string): Promise<void> {
    await tolerate(/already exists/, this.#channels.call("Auth/RoleAdd", { name: ROOT }));
    for (const name of [ROOT, admin]) await this.add(name, ROOT);
    await this.#channels.call("Auth/AuthEnable", {});
  }

  /** Has etcd accept every certificate of the authority: for the repair of a cluster whose users are gone. */
  async disable(): Promise<void> {
    await this.#channels.call("Auth/AuthDisable", {});
  }
}

/** Waits for a call whose effect may be there already. */
async function tolerate(what: RegExp, call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!what.test(errorChain(error).join(": "))) throw error;
  }
}
