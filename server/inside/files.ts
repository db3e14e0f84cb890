/**
 * The helper's half of {@linkcode InsideFiles}: in the container, it reads `/etc/resolv.conf` and `/etc/hosts`,
 * reports them, and writes them until its input ends. Each line, in either direction, is JSON.
 *
 * @module
 */
import { lines } from "../../lib/async/lines.ts";
import {
  identityOf,
  openDirectory,
  type OpenFile,
  openRegular,
  readOpen,
  UnfitFile,
  writeOpen,
} from "../../lib/linux/files.ts";
import { closeFd } from "../../lib/linux/libc.ts";
import { errorChain } from "../../lib/api/errors.ts";
import { enter, type Target } from "./enter.ts";

/** The names of the files, the same here and in the container. */
export const FILES = ["resolv.conf", "hosts"] as const;
export type FileName = typeof FILES[number];

/** The state of a file. */
export interface FileLook {
  /** Its text; absent where the file doesn't exist. */
  text?: string;
  /** Why the file can't be used. */
  problem?: string;
  /** Whether it is the host's own file. */
  hosts?: boolean;
}

/** The helper's first line. */
export interface Looks {
  files: Record<FileName, FileLook>;
  /** Whether the root isn't the host's, so that a file may be made there. */
  ownRoot: boolean;
}

/** A request to the helper. */
export interface Order {
  file: FileName;
  text: string;
  make: boolean;
}

/** The helper's answer. */
export interface Done {
  problem?: string;
}

/** The host's own files, which the container's must not be. */
interface Hosts {
  root: string;
  files: Map<string, string>;
}

function hosts(proc: number): Hosts {
  const files = new Map<string, string>();
  const root = openDirectory("/")!;
  for (const file of FILES) {
    try {
      // The host's administrator is responsible for links in the host's /etc.
      const real = Deno.realPathSync(`/etc/${file}`).slice(1);
      const open = openRegular({ directory: root, path: real }, { proc });
      if (open) {
        files.set(file, open.identity);
        closeFd(open.fd);
      }
    } catch {
      // The host doesn't have the file, or not one that a container could share.
    }
  }
  const identity = identityOf(root);
  closeFd(root);
  return { root: identity, files };
}

function lookAt(open: OpenFile | undefined, host: string | undefined): FileLook {
  if (!open) return {};
  if (open.identity === host) return { hosts: true };
  return { text: readOpen(open) };
}

/** Serves one session on the standard streams. */
export async function serveFiles(target: Target): Promise<void> {
  const proc = openDirectory("/proc")!;
  const host = hosts(proc);
  enter(target);
  const root = openDirectory("/")!;
  const path = (file: FileName) => `etc/${file}`;
  const with_ = <T>(
    file: FileName,
    make: boolean,
    action: (open: OpenFile | undefined) => T,
  ): T => {
    const open = openRegular({ directory: root, path: path(file) }, { proc, make });
    try {
      return action(open);
    } finally {
      if (open) closeFd(open.fd);
    }
  };
  const say = (value: unknown) => writeAll(`${JSON.stringify(value)}\n`);
  const files = Object.fromEntries(FILES.map((file): [FileName, FileLook] => {
    try {
      return [file, with_(file, false, (open) => lookAt(open, host.files.get(file)))];
    } catch (error) {
      return [file, { problem: words(file, error) }];
    }
  })) as Record<FileName, FileLook>;
  say({ files, ownRoot: identityOf(root) !== host.root } satisfies Looks);
  for await (const line of lines(Deno.stdin.readable)) {
    const { file, text, make } = JSON.parse(line) as Order;
    try {
      with_(file, make, (open) => {
        if (!open) throw new UnfitFile("isn't there any more");
        if (open.identity === host.files.get(file)) {
          throw new UnfitFile("is the host's own");
        }
        writeOpen(open, text);
      });
      say({} satisfies Done);
    } catch (error) {
      say({ problem: words(file, error) } satisfies Done);
    }
  }
}

function words(file: FileName, error: unknown): string {
  const said = errorChain(error).join(": ");
  return error instanceof UnfitFile ? `"/etc/${file}" ${said}` : said;
}

function writeAll(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}
