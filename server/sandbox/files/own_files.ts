/**
 * The files of containers that netsvc made, bound over those of their roots.
 *
 * @module
 */
import { hostsFile } from "../../dns/files/hosts_file.ts";
import { containerResolvConf, type HostResolvConf } from "../../dns/files/resolv_conf.ts";
import type { OwnContainer } from "../../model/container.ts";
import type { FileOf } from "../processes/container_files.ts";

/** Writes a file in place, readable for all users regardless of the umask. */
function writeForAll(path: string, text: string): void {
  using file = Deno.openSync(path, { write: true, create: true });
  if ((file.statSync().mode! & 0o777) !== 0o644) Deno.chmodSync(path, 0o644);
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
  file.truncateSync(bytes.length);
}

export function makeDirectory(file: FileOf, id: string): void {
  Deno.mkdirSync(file(id, ""), { recursive: true, mode: 0o711 });
  // An earlier version, or another umask, may have made them; the files' own modes say who may read them.
  for (const path of ["..", ""]) Deno.chmodSync(file(id, path), 0o711);
}

/** Writes files, each only when its text changes. */
export class OwnFiles {
  readonly #file: FileOf;
  readonly #hostResolvConf: HostResolvConf;
  /** The text last written, by container and file. */
  readonly #written = new Map<string, Map<string, string>>();

  constructor(file: FileOf, hostResolvConf: HostResolvConf) {
    this.#file = file;
    this.#hostResolvConf = hostResolvConf;
  }

  write({ id, hostname }: OwnContainer, addresses: string[]): void {
    const files = {
      "resolv.conf": containerResolvConf(this.#hostResolvConf.current()),
      hosts: hostsFile(hostname, addresses),
      hostname: `${hostname}\n`,
    };
    // Most changes of a network concern other services, and a network may have many.
    const written = this.#written.get(id) ?? new Map<string, string>();
    this.#written.set(id, written);
    for (const [name, text] of Object.entries(files)) {
      if (written.get(name) === text) continue;
      writeForAll(this.#file(id, name), text);
      written.set(name, text);
    }
  }

  /** Forgets what was written, so that the next write writes all files. */
  forget(id: string): void {
    this.#written.delete(id);
  }
}
