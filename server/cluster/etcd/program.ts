/**
 * The machine's etcd: where it is, which version, and whether its file has been replaced.
 *
 * @module
 */
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import { deadline } from "../../../lib/async/deadline.ts";
import { startChild } from "../../../lib/linux/processes/child.ts";
import { findProgram } from "../../../lib/linux/tools/tools.ts";
import { isAtLeast, parseVersion, type Version } from "./version.ts";

/** The oldest version that has learners. */
const OLDEST: Version = [3, 4, 0];
/** Time that it may take to say its version, in milliseconds. */
const VERSION_MS = 10_000;
const PACKAGE = "apt-get install etcd-server";

/** An etcd that can be started. */
export interface EtcdProgram {
  path: string;
  version: Version;
  /** Changes when the file does, as with an upgrade of its package. */
  identity: string;
}

/** The last one that was asked for its version: it is looked for again and again. */
let known: EtcdProgram | undefined;

/**
 * Looks for the machine's etcd.
 *
 * @param path as `--etcd` gives it; looked for in `PATH` unless given
 * @throws {NetsvcError} `unsupported` where there is none, or too old a one
 */
export async function findEtcd(path = findProgram("etcd")): Promise<EtcdProgram> {
  if (path === undefined) {
    throw new NetsvcError(
      "unsupported",
      `There is no etcd on this host. Install it: ${PACKAGE}; or name one with --etcd PATH`,
    );
  }
  const identity = await identityOf(path);
  if (identity === undefined) {
    throw new NetsvcError("unsupported", `There is no etcd at "${path}". Install it: ${PACKAGE}`);
  }
  if (known?.path === path && known.identity === identity) return known;
  const version = await versionOf(path);
  if (!isAtLeast(version, OLDEST)) {
    throw new NetsvcError(
      "unsupported",
      `The etcd "${path}" is of version ${version.join(".")}, and 3.4 or later is needed. ` +
        `Install one: ${PACKAGE}; or name one with --etcd PATH`,
    );
  }
  return known = { path, version, identity };
}

/** What changes when a file is replaced; `undefined` where there is none. */
export async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, size, mtime } = await Deno.stat(path);
    return [dev, ino, size, mtime?.getTime()].join(" ");
  } catch {
    return undefined;
  }
}

/** Asks an etcd for its version. @throws {NetsvcError} `unsupported` where it says none */
async function versionOf(path: string): Promise<Version> {
  const refuse = (why: string) =>
    new NetsvcError("unsupported", `The program "${path}" is no etcd: ${why}`);
  let child: Deno.ChildProcess;
  try {
    // By way of the shell: the executable may start few programs by itself.
    child = startChild("sh", {
      args: ["-c", 'exec "$0" --version', path],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
      env: UNSUPPORTED_ARCH,
    });
  } catch (error) {
    throw refuse(errorChain(error)[0]!);
  }
  const output = await deadline(child.output(), VERSION_MS).catch((error) => {
    child.kill("SIGKILL");
    throw refuse(errorChain(error)[0]!);
  });
  const text = new TextDecoder().decode(output.stdout.subarray(0, 4096));
  const version = parseVersion(text.match(/^etcd Version: (\S+)/m)?.[1] ?? "");
  if (!version) throw refuse("it doesn't say its version");
  return version;
}

/** Without it etcd 3.4 refuses to run on what isn't x86. */
export const UNSUPPORTED_ARCH: Record<string, string> = Deno.build.arch === "x86_64"
  ? {}
  : { ETCD_UNSUPPORTED_ARCH: "arm64" };
