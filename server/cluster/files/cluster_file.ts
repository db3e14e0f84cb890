/**
 * `cluster.json`: what a daemon has to know at its start to be a member of its cluster again.
 *
 * @module
 */
import { z } from "zod";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { type ClusterPaths, clusterPaths } from "./cluster_paths.ts";
import { writeWhole } from "./write_file.ts";

/** The only version yet; a file of a later one is refused. */
const VERSION = 1;

const Id = z.string().regex(/^[0-9a-f]{64}$/);

const File = z.strictObject({
  v: z.literal(VERSION),
  cluster: z.strictObject({ id: Id }),
  host: z.strictObject({
    id: Id,
    /** As `--name` said; `--host-name` goes before it. */
    name: z.string().optional(),
    /** As `--advertise` said; the daemon's `--advertise` goes before it. */
    advertise: z.string().optional(),
    /** The address that the cluster knows this host by. */
    address: z.string(),
  }),
  role: z.enum(["voter", "client"]),
  store: z.discriminatedUnion("kind", [
    /** The etcd of the cluster's own; endpoints are those that were known last. */
    z.strictObject({
      kind: z.literal("own"),
      endpoints: z.array(z.strictObject({ host: z.string(), port: z.int() })).min(1),
      /** Path of etcd, where `--etcd` named one. */
      etcd: z.string().optional(),
    }),
    /** A store that was there before the cluster. */
    z.strictObject({ kind: z.literal("external"), url: z.string() }),
  ]),
});

/** A host's membership of a cluster, on its disk. */
export type ClusterState = Omit<z.output<typeof File>, "v">;

/** Reads and writes it. */
export class ClusterFile {
  readonly paths: ClusterPaths;

  constructor(stateDir: string) {
    this.paths = clusterPaths(stateDir);
  }

  /** @returns `undefined` on a host that is in no cluster. @throws {NetsvcError} `invalid` */
  async read(): Promise<ClusterState | undefined> {
    let text: string;
    try {
      text = await Deno.readTextFile(this.paths.file);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
    const { success, data } = File.safeParse(readJson(text));
    if (!success) {
      throw new NetsvcError(
        "invalid",
        `The file "${this.paths.file}" isn't one that this netsvc has written; restore it from a backup, or ` +
          `move "${this.paths.directory}" away and join the cluster anew`,
      );
    }
    const { v: _, ...state } = data;
    return state;
  }

  /** Writes it, and makes its directory. */
  async write(state: ClusterState): Promise<void> {
    await this.makeDirectory();
    await writeWhole(this.paths.file, `${JSON.stringify({ v: VERSION, ...state }, null, 2)}\n`);
  }

  async makeDirectory(): Promise<void> {
    await Deno.mkdir(this.paths.directory, { recursive: true, mode: 0o700 });
  }

  /**
   * Puts the backups where they outlive the membership: whoever leaves by mistake, or to begin anew, needs them.
   *
   * @param cluster its id
   * @returns the directory where they are now; `undefined` where there are none
   */
  async keepSnapshots(cluster: string): Promise<string | undefined> {
    const { snapshots, directory } = this.paths;
    const kept = `${directory.slice(0, directory.lastIndexOf("/"))}/snapshots-of-${
      cluster.slice(0, 16)
    }`;
    const names = await namesIn(snapshots);
    if (names.length > 0) await Deno.mkdir(kept, { recursive: true, mode: 0o700 });
    for (const name of names) await Deno.rename(`${snapshots}/${name}`, `${kept}/${name}`);
    return (await namesIn(kept)).length > 0 ? kept : undefined;
  }

  /** The host is in no cluster from then on; what else is in the directory goes after it. */
  async remove(): Promise<void> {
    await Deno.remove(this.paths.file).catch(ignoreMissing);
    await Deno.remove(this.paths.directory, { recursive: true }).catch(ignoreMissing);
  }
}

async function namesIn(directory: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(directory)) names.push(name);
  } catch (error) {
    ignoreMissing(error);
  }
  return names;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
