/**
 * Commands of tests: each has a deadline, and tells all when it fails.
 *
 * @module
 */
import { libc } from "../../lib/linux/libc.ts";
import { libnftables } from "../../lib/linux/nft/libnftables.ts";
import { inNamespace } from "../../lib/linux/namespaces/namespace.ts";
import { ignoreProxies } from "../../lib/linux/processes/proxies.ts";

// As the program does: parts of it run in the tests' own process.
ignoreProxies();

// Loaded before any test begins: it stays loaded, and isn't a test's leak.
libc();
libnftables();

/** What a command did. */
export interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

/** Options of {@linkcode run}. */
export interface RunOptions {
  /** Path of the network namespace to run in. */
  namespace?: string;
  stdin?: string;
  env?: Record<string, string>;
  cwd?: string;
  /** In milliseconds. */
  timeout?: number;
}

const TIMEOUT_MS = 30_000;

/** Options of {@linkcode spawn}. */
export type SpawnOptions = Omit<Deno.CommandOptions, "args"> & { namespace?: string };

/** Starts a command, in a namespace where one is given. */
export function spawn(
  argv: string[],
  { namespace, ...options }: SpawnOptions = {},
): Deno.ChildProcess {
  const [program, ...args] = argv as [string, ...string[]];
  const start = () => new Deno.Command(program, { args, ...options }).spawn();
  return namespace === undefined ? start() : inNamespace(namespace, start);
}

/** Runs a command to its end, or kills it at its deadline. */
export async function run(argv: string[], options: RunOptions = {}): Promise<Result> {
  const { namespace, stdin, env, cwd, timeout = TIMEOUT_MS } = options;
  const child = spawn(argv, {
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    ...namespace !== undefined && { namespace },
    ...env && { env },
    ...cwd !== undefined && { cwd },
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, timeout);
  try {
    if (stdin !== undefined) {
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(stdin)).catch(() => {});
      await writer.close().catch(() => {});
    }
    const { code, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    const result = { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
    if (late) throw new Error(`${argv.join(" ")} took over ${timeout} ms\n${text(result)}`);
    return result;
  } finally {
    clearTimeout(timer);
  }
}

function text({ code, stdout, stderr }: Result): string {
  return `exit ${code}\n${stdout}${stderr}`;
}

/** Runs a command that must succeed and gives its output without the final line break. */
export async function ok(argv: string[], options: RunOptions = {}): Promise<string> {
  const result = await run(argv, options);
  if (result.code !== 0) throw new Error(`${argv.join(" ")} failed: ${text(result)}`);
  return result.stdout.trimEnd();
}

/** Waits until a condition holds, asking every `pause` milliseconds. @throws after `ms` milliseconds */
export async function until<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  ms = 10_000,
  pause = 20,
): Promise<T> {
  const deadline = Date.now() + ms;
  while (true) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`Not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
