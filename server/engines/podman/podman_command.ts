/**
 * Podman without a service: by its command.
 *
 * @module
 */
import { startChild } from "../../../lib/linux/processes/child.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import {
  type Engine,
  ENGINE_REFERENCE,
  type EngineEvent,
  type ForeignContainer,
} from "../engine.ts";
import { eachEvent } from "../docker/events.ts";
import { ambiguous, readInspected, saysAmbiguous, toForeign } from "../docker/inspected.ts";
import { keepWatching } from "../watch.ts";

/** A command is killed after this time, in milliseconds. */
const DEADLINE_MS = 10_000;
/** Podman's settings in the daemon's environment, as podman(1) and containers.conf(5) name them. */
const SETTINGS = /^(HOME|TMPDIR|XDG_\w+|CONTAINERS?_\w+|PODMAN_\w+|STORAGE_\w+)$/;
/** Podman's message for a container that doesn't exist. */
const MISSING = /no such (container|object)/i;

/** Options of {@linkcode podmanCommand}. */
export interface PodmanCommandOptions {
  /** Added to the command's environment. */
  env?: Record<string, string>;
}

/** Podman by its command. Each lookup costs a process of some 100 ms, a watch one that keeps running. */
export function podmanCommand({ env = {} }: PodmanCommandOptions = {}): Engine {
  const spawn = (args: string[]): Deno.ChildProcess | undefined => {
    try {
      const stdio = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
      return startChild("podman", { args, env, inherit: SETTINGS, ...stdio });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined; // No Podman on this host.
      throw error;
    }
  };
  return {
    name: "podman",
    find: (reference) => find(spawn, reference),
    watch: (listener, signal) => keepWatching(() => watchOnce(spawn, listener, signal), signal),
  };
}

type Spawn = (args: string[]) => Deno.ChildProcess | undefined;

async function find(spawn: Spawn, reference: string): Promise<ForeignContainer | undefined> {
  if (!ENGINE_REFERENCE.test(reference)) return undefined;
  const child = spawn(["inspect", "--type", "container", "--format", "json", reference]);
  if (!child) return undefined;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, DEADLINE_MS);
  const { success, stdout, stderr } = await child.output().finally(() => clearTimeout(timer));
  const decoder = new TextDecoder();
  const words = decoder.decode(stderr).replaceAll(/\s+/g, " ").trim().slice(0, 300);
  if (success) {
    const [container] = JSON.parse(decoder.decode(stdout)) as unknown[];
    return toForeign("podman", readInspected("podman", container));
  }
  if (late) throw new NetsvcError("timeout", `podman didn't answer in ${DEADLINE_MS / 1000} s`);
  if (saysAmbiguous(words)) throw ambiguous(reference, { runtime: "podman", words });
  if (MISSING.test(words)) return undefined;
  throw new NetsvcError("unavailable", `podman refuses to tell of a container: ${words}`);
}

async function watchOnce(
  spawn: Spawn,
  listener: (event: EngineEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  // Podman takes a moment to subscribe; with `--since` it also reports events of that moment.
  const since = new Date().toISOString();
  const child = spawn([
    ...["events", "--format", "json", "--since", since, "--filter", "type=container"],
    ...["start", "died", "remove", "rename"].flatMap((name) => ["--filter", `event=${name}`]),
  ]);
  if (!child) return;
  const stop = () => {
    try {
      child.kill("SIGTERM");
    } catch {
      // The process has already ended.
    }
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    listener({ type: "gap" });
    await Promise.all([
      eachEvent(child.stdout, listener),
      child.stderr.pipeTo(new WritableStream()),
    ]);
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
    await child.status;
  }
}
