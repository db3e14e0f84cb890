/**
 * A copy of the etcd that runs on this host's data, beside it. What is installed may be another minor version by the time
 * that the host boots: that one is taken by `cluster upgrade`, which prepares the data for it, and not by a start.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain } from "../../../lib/api/errors.ts";
import { writeWhole } from "../files/write_file.ts";
import { type EtcdProgram, findEtcd, identityOf } from "./program.ts";

const log = getLogger(["netsvc", "etcd"]);

/** Keeps it. */
export class KeptProgram {
  /** Of the copy. */
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Copies a program that is about to run on the data. Never fails: without a copy a start is asked more of. */
  async keep({ path, identity }: EtcdProgram): Promise<void> {
    if (path === this.path) return;
    // Says of which file it is a copy.
    const note = `${this.path}.of`;
    try {
      const noted = await Deno.readTextFile(note).catch(() => undefined);
      if (noted === identity && await identityOf(this.path) !== undefined) return;
      await Deno.copyFile(path, `${this.path}.new`);
      await Deno.rename(`${this.path}.new`, this.path);
      await writeWhole(note, identity);
    } catch (error) {
      await Deno.remove(`${this.path}.new`).catch(() => {}); // It may never have been there.
      log.warn("Cannot keep a copy of {path}: {why}", { path, why: errorChain(error)[0] });
    }
  }

  /** The copy, where there is one that can be started. */
  async find(): Promise<EtcdProgram | undefined> {
    if (await identityOf(this.path) === undefined) return undefined;
    return await findEtcd(this.path).catch(() => undefined);
  }
}
