/**
 * Records of plugins' links from before they were moved into sandboxes: nothing that netsvc reads inside a sandbox
 * decides later what comes back to the host, or under which name.
 *
 * @module
 */

/** A plugin's link, as it was on the host. */
export interface LinkNote {
  /** The name the plugin gave it. */
  srcName: string;
  /** `veth`-like. */
  kind: string;
  /** Index of its other end on the host, if it has one. */
  peer?: number;
  /** Gateways that the plugin named, which it reports only once. */
  gateways: string[];
}

/** Notes by endpoint; in a directory that is cleared at boot, as the links are, or in memory alone. */
export class LinkNotes {
  readonly #directory: string | undefined;
  readonly #notes = new Map<string, LinkNote>();

  constructor(directory?: string) {
    this.#directory = directory;
  }

  get(endpoint: string): LinkNote | undefined {
    const known = this.#notes.get(endpoint);
    if (known || this.#directory === undefined) return known;
    try {
      const note = JSON.parse(Deno.readTextFileSync(`${this.#directory}/${endpoint}`)) as LinkNote;
      this.#notes.set(endpoint, note);
      return note;
    } catch {
      return undefined;
    }
  }

  put(endpoint: string, note: LinkNote): void {
    if (this.#directory !== undefined) {
      Deno.mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      const path = `${this.#directory}/${endpoint}`;
      Deno.writeTextFileSync(`${path}.new`, JSON.stringify(note), { mode: 0o600 });
      Deno.renameSync(`${path}.new`, path);
    }
    this.#notes.set(endpoint, note);
  }

  forget(endpoint: string): void {
    this.#notes.delete(endpoint);
    if (this.#directory === undefined) return;
    try {
      Deno.removeSync(`${this.#directory}/${endpoint}`);
    } catch {
      // There was no note.
    }
  }
}
