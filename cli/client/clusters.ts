/**
 * `/cluster`.
 *
 * @module
 */
import type * as wire from "../../lib/api/types.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import { sleep } from "../../lib/async/sleep.ts";
import type { Connection } from "./connection.ts";
import { encodeRef } from "./paths.ts";

/** The daemon begins again within this time, in milliseconds. */
const AGAIN_MS = 60_000;
/** Pause between questions whether it has, in milliseconds. */
const PAUSE_MS = 50;

/** Makes, joins and leaves clusters; each waits until the daemon, which begins again, is ready. */
export class ClusterClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  status(): Promise<wire.ClusterStatus> {
    return this.#connection.json("GET", "/cluster");
  }

  /** What is wrong with the cluster, the worst first. */
  troubles(): Promise<wire.Trouble[]> {
    return this.#connection.json("GET", "/cluster/troubles");
  }

  async init(options: wire.InitCluster = {}): Promise<wire.InitializedCluster> {
    const made: wire.InitializedCluster = await this.#connection.json(
      "POST",
      "/cluster/init",
      options,
    );
    await this.#until(({ id, ready }) => id === made.id && ready);
    return made;
  }

  async join(options: wire.JoinCluster): Promise<wire.JoinedCluster> {
    const joined: wire.JoinedCluster = await this.#connection.json(
      "POST",
      "/cluster/join",
      options,
    );
    await this.#until(({ id, ready }) => id === joined.id && ready);
    return joined;
  }

  async leave(options: wire.LeaveCluster = {}): Promise<wire.LeftCluster> {
    const left: wire.LeftCluster = await this.#connection.json("POST", "/cluster/leave", options);
    await this.#until(({ id, ready }) => id === undefined && ready);
    return left;
  }

  /** @param file absolute path on the daemon's host */
  backup(file: string): Promise<wire.ClusterBackup> {
    return this.#connection.json("POST", "/cluster/backup", { file });
  }

  restore(options: wire.RestoreCluster): Promise<wire.RestoredCluster> {
    return this.#connection.json("POST", "/cluster/restore", options);
  }

  recover(options: wire.RecoverCluster = {}): Promise<wire.RecoveredCluster> {
    return this.#connection.json("POST", "/cluster/recover", options);
  }

  upgrade(): Promise<wire.UpgradedEtcd> {
    return this.#connection.json("POST", "/cluster/upgrade");
  }

  tokens(): Promise<wire.ClusterToken[]> {
    return this.#connection.json("GET", "/cluster/tokens");
  }

  createToken(options: wire.CreateClusterToken = {}): Promise<wire.NewClusterToken> {
    return this.#connection.json("POST", "/cluster/tokens", options);
  }

  removeToken(ref: string): Promise<{ id: string }> {
    return this.#connection.json("DELETE", `/cluster/tokens/${encodeRef(ref)}`);
  }

  /** Puts other authorities in the place of the cluster's; waits until that is over. */
  rotateAuthority(options: wire.RotateAuthority = {}): Promise<wire.RotatedAuthority> {
    return this.#connection.json("POST", "/cluster/ca/rotate", options);
  }

  /** Has all hosts make new keys for encrypted networks. */
  rotateKeys(): Promise<{ id: string }> {
    return this.#connection.json("POST", "/cluster/keys/rotate");
  }

  /** Waits for the daemon to be back. @throws {NetsvcError} `timeout`: what was asked for is done all the same */
  async #until(done: (status: wire.ClusterStatus) => boolean): Promise<void> {
    const end = performance.now() + AGAIN_MS;
    let failure: unknown;
    while (performance.now() < end) {
      try {
        if (done(await this.status())) return;
      } catch (error) {
        failure = error;
      }
      await sleep(PAUSE_MS);
    }
    throw new NetsvcError(
      "timeout",
      `It is done, but the daemon isn't back yet; its log, and "netsvc cluster status", say why`,
      { cause: failure },
    );
  }
}
