/**
 * This host's key pair for encrypted networks, on its disk: made here, and never anywhere else.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { z } from "zod";
import { errorChain } from "../../../lib/api/errors.ts";
import { KEY, newKeyPair, publicKeyOf } from "../../../lib/linux/wireguard/keys.ts";
import { writeWhole } from "../files/write_file.ts";

const log = getLogger(["netsvc", "cluster"]);

const Key = z.strictObject({
  private: z.string().regex(KEY),
  /** RFC 3339. */
  made: z.string(),
});

const File = z.strictObject({
  v: z.literal(1),
  /** Whose it is: a machine that was copied has another id, and gets a key of its own. */
  host: z.string(),
  current: Key,
  /** The next, which other hosts are told of before it is used. */
  next: Key.optional(),
  /** The last request of a rotation that was followed. */
  rotation: z.string().optional(),
});

/** A key with its public half. */
export interface HostKey {
  private: string;
  public: string;
  /** RFC 3339. */
  made: string;
}

/** What is kept. */
export interface HostKeySet {
  current: HostKey;
  next?: HostKey;
  rotation?: string;
}

async function newKey(): Promise<HostKey> {
  return { ...await newKeyPair(), made: new Date().toISOString() };
}

/** The keys of a host. */
export class HostKeys {
  readonly #path: string;
  readonly #host: string;
  #set: HostKeySet;

  private constructor(path: string, host: string, set: HostKeySet) {
    this.#path = path;
    this.#host = host;
    this.#set = set;
  }

  /** Reads them from a state directory, or makes the first. */
  static async open(stateDir: string, host: string): Promise<HostKeys> {
    const path = `${stateDir}/wireguard.json`;
    const known = await read(path, host);
    const keys = new HostKeys(path, host, known ?? { current: await newKey() });
    if (!known) await keys.#write(keys.#set);
    return keys;
  }

  get set(): HostKeySet {
    return this.#set;
  }

  /** Makes the next key. */
  async prepare(): Promise<void> {
    await this.#write({ ...this.#set, next: await newKey() });
  }

  /** Makes the next key the current one. @param rotation the request that is followed with that */
  async promote(rotation: string | undefined): Promise<void> {
    const { next, rotation: before } = this.#set;
    const request = rotation ?? before;
    await this.#write({
      current: next ?? this.#set.current,
      ...request !== undefined && { rotation: request },
    });
  }

  /** Notes that a request needs nothing more: the key is younger than it. */
  async note(rotation: string): Promise<void> {
    await this.#write({ ...this.#set, rotation });
  }

  async #write(set: HostKeySet): Promise<void> {
    const bare = ({ private: key, made }: HostKey) => ({ private: key, made });
    const content: z.input<typeof File> = {
      v: 1,
      host: this.#host,
      current: bare(set.current),
      ...set.next && { next: bare(set.next) },
      ...set.rotation !== undefined && { rotation: set.rotation },
    };
    await writeWhole(this.#path, `${JSON.stringify(content)}\n`);
    this.#set = set;
  }
}

async function read(path: string, host: string): Promise<HostKeySet | undefined> {
  try {
    const { current, next, rotation, host: owner } = File.parse(
      JSON.parse(await Deno.readTextFile(path)),
    );
    if (owner !== host) return undefined;
    const whole = async (key: z.output<typeof Key>) => ({
      ...key,
      public: await publicKeyOf(key.private),
    });
    return {
      current: await whole(current),
      ...next && { next: await whole(next) },
      ...rotation !== undefined && { rotation },
    };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      // Its words could show what is in the file.
      const why = error instanceof Deno.errors.PermissionDenied
        ? errorChain(error)[0]
        : "it isn't one that netsvc has written";
      log.warn("Cannot read the key in {path} ({why}); this host makes itself a new one", {
        path,
        why,
      });
    }
    return undefined;
  }
}
