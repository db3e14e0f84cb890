/**
 * What an administrator does on a cluster, whatever is happening to it: has keys changed, makes backups, and restores
 * them.
 *
 * @module
 */
import { Client } from "../../../cli/client/client.ts";
import type { FormedCluster } from "../../harness/formed.ts";
import type { TestHost } from "../../harness/host.ts";
import { pick, type Random } from "../random.ts";
import type { Boxes } from "./boxes.ts";
import type { Ledger, Mark } from "./ledger.ts";
import { statusOf } from "./status.ts";

/** How many backups are kept. */
const KEPT = 3;

/** What chores are done on. */
export interface ChoresParts {
  cluster: FormedCluster;
  ledger: Ledger;
  boxes: Boxes;
  /** Directory of the backups: all hosts are on this machine. */
  directory: string;
}

/** The chores. */
export class Chores {
  readonly #parts: ChoresParts;
  #backups: { file: string; mark: Mark }[] = [];
  /** A restore that has begun, and hasn't been answered. */
  #half: { file: string; mark: Mark } | undefined;
  rotations = 0;
  restores = 0;
  /** Public keys at the beginning. */
  #first = new Map<string, string>();

  constructor(parts: ChoresParts) {
    this.#parts = parts;
  }

  /** Notes the keys of the beginning. */
  async begin(): Promise<void> {
    this.#first = await this.#keys();
  }

  /** Those of a round: a backup and new keys in one, a restore in the next. @returns what was done */
  async some(round: number, next: Random): Promise<string> {
    const chores = round % 2 === 0
      ? [() => this.#backUp(), () => this.#rotate(next)]
      : [() => this.#restore(next)];
    const done: string[] = [];
    for (const chore of chores) {
      done.push(await chore().catch((error) => `a chore failed: ${error.message}`));
    }
    return done.join("; ");
  }

  /** Asks for new keys of all hosts. */
  async #rotate(next: Random): Promise<string> {
    const { hosts } = this.#parts.cluster;
    const at = Math.floor(next() * hosts.length);
    // One of them may be away.
    for (const n of [at, (at + 1) % hosts.length]) {
      using client = clientOf(hosts[n]!);
      const done = await client.cluster.rotateKeys().catch((error) => {
        if (n !== at) throw error;
      });
      if (done) break;
    }
    this.rotations++;
    return "all hosts are to change their keys";
  }

  async #backUp(): Promise<string> {
    const { ledger, directory } = this.#parts;
    const mark = ledger.mark();
    const file = `${directory}/${crypto.randomUUID()}`;
    const { entries } = await this.#onVoter((client) => client.cluster.backup(file));
    this.#backups = [...this.#backups, { file, mark: ledger.narrow(mark) }].slice(-KEPT);
    return `a backup of ${entries} entries`;
  }

  async #restore(next: Random): Promise<string> {
    if (this.#backups.length === 0) return await this.#backUp();
    this.#half = pick(next, this.#backups);
    return await this.finish();
  }

  /** Goes on with a restore that was cut off: it is said again, until it is answered. */
  async finish(): Promise<string> {
    if (!this.#half) return "";
    const { ledger, boxes } = this.#parts;
    const { file, mark } = this.#half;
    ledger.restoring();
    const done = await this.#onVoter((client) => client.cluster.restore({ file }));
    ledger.restored(mark);
    boxes.restored();
    this.#half = undefined;
    this.restores++;
    return `a restore wrote ${done.written} keys and deleted ${done.deleted}`;
  }

  /** Hosts that have their first key still, though all were asked to change it. */
  async oldKeys(): Promise<string[]> {
    if (this.rotations === 0) return [];
    using client = clientOf(this.#parts.cluster.hosts[0]!);
    return (await client.hosts.list()).flatMap(({ name, encryption }) => {
      if (!encryption) return [`${name} says no key`];
      return this.#first.get(name) === encryption.key ? [`${name} has its first key still`] : [];
    });
  }

  async #keys(): Promise<Map<string, string>> {
    using client = clientOf(this.#parts.cluster.hosts[0]!);
    const hosts = await client.hosts.list();
    return new Map(hosts.map(({ name, encryption }) => [name, encryption?.key ?? ""]));
  }

  /** Asks the voters, one after the other, until one has done it. */
  async #onVoter<T>(action: (client: Client) => Promise<T>): Promise<T> {
    const { hosts } = this.#parts.cluster;
    let failure: unknown = new Error("No host knows a voter");
    for (const host of hosts) {
      try {
        if ((await statusOf(host)).find(({ self }) => self)?.role !== "voter") continue;
        using client = clientOf(host);
        return await action(client);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }
}

function clientOf(host: TestHost): Client {
  return new Client({ host: `unix://${host.socket}` });
}
