/**
 * Starts other programs: the only `Deno.Command` of the project. This program's environment (passwords
 * of stores, `LD_PRELOAD`) is not passed on.
 *
 * @module
 */

/** Where programs are looked for when `PATH` isn't set. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** Loads a library into a program; Deno refuses to pass it on with narrowed permissions. */
const LOADER = /^(LD|DYLD)_/;

/** Options of {@linkcode startChild}. */
export interface ChildOptions extends Omit<Deno.CommandOptions, "clearEnv"> {
  /** Names of further variables of this program's own that the child gets. */
  inherit?: RegExp;
}

/** The environment of a child: `PATH`, plain English, what is named, and what is given. */
function environment({ inherit, env }: Pick<ChildOptions, "inherit" | "env">) {
  const own = Object.entries(inherit ? Deno.env.toObject() : {});
  return {
    PATH: Deno.env.get("PATH") ?? DEFAULT_PATH,
    LC_ALL: "C.UTF-8",
    ...Object.fromEntries(own.filter(([name]) => inherit!.test(name) && !LOADER.test(name))),
    ...env,
  };
}

/**
 * Starts a program with an environment of its own.
 *
 * @throws {Deno.errors.NotFound} when there is no such program
 */
export function startChild(program: string, options: ChildOptions = {}): Deno.ChildProcess {
  const { inherit, env, ...rest } = options;
  const own = environment({ ...inherit && { inherit }, ...env && { env } });
  return new Deno.Command(program, { ...rest, clearEnv: true, env: own }).spawn();
}
