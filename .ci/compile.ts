/**
 * Makes `dist/netsvc`: bundles the program in two, so that a client loads neither the daemon nor its
 * libraries, compiles the client's, and puts the daemon's beside it with what V8 makes of it.
 */
import { withBlock } from "./code_block.ts";
import { denort } from "./denort.ts";
import { V8_FLAGS } from "./v8_flags.ts";

const root = new URL("../", import.meta.url);
const bundle = new URL("dist/bundle/", root);

/** What the daemon has and the client doesn't, and what its helper inside of containers has. */
const DAEMON = "./cli/daemon.ts", INSIDE = "./cli/inside.ts";
/** The program of the thread that serves names, and how the daemon names it. */
const RESOLVER = "./server/dns/thread/resolver_worker.ts", NAMED = "./resolver_worker.ts";
/** The same in the executable. */
const RESOLVER_BUNDLE = "resolver/resolver_worker.js";

/**
 * What the program uses, as far as Deno can name it: a guard against mistakes, not a wall. With FFI a
 * program can call anything that its user can (setns, open), and so is root whatever stands here.
 *
 * `/proc` and `/sys` are out of reach of these (Deno wants all permissions for them): the daemon
 * reads them through libc, which is what FFI is for. Files are not narrowed, since --state-dir,
 * --run-dir, --rootfs and --config are the user's to choose, and neither is the network, since
 * resolvers and listen addresses are.
 */
const PERMISSIONS = [
  "--no-prompt",
  "--allow-read",
  "--allow-write",
  "--allow-net",
  "--allow-ffi",
  "--allow-sys=hostname,osRelease,uid",
  "--allow-env",
  "--allow-run=ip,bridge,nft,iptables,ip6tables,conntrack,wg,nsenter,sh,setsid,podman,docker",
];

/** Runs Deno; what it says on failure is given to `explain`, which may have better words. */
async function run(
  args: string[],
  env: Record<string, string> = {},
  explain: (said: string) => string | undefined = () => undefined,
): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    env: { ...env, NO_COLOR: "1" },
    cwd: root,
    stdin: "null",
    stdout: "inherit",
    stderr: "piped",
  }).output();
  const said = new TextDecoder().decode(stderr).trim();
  if (success) return said === "" ? undefined : console.error(said);
  console.error(explain(said) ?? `${said}\ndeno ${args[0]} failed`);
  Deno.exit(1);
}

/** What the executable and the program that makes its code cache have in common: V8 compares. */
const RUNTIME_FLAGS = [
  // V8's would lie under a fixed name in /tmp, where anybody could put code for root to run.
  "--no-code-cache",
  "--unstable-kv",
  "--unstable-net",
  "--unstable-ffi",
  V8_FLAGS,
];

/** What to do where `deno compile` has no runtime to put under the program. */
function withoutRuntime(said: string): string | undefined {
  if (!/denort/.test(said)) return;
  const cause = said.match(/^ +\d+: (.*?(?:not find denort|sending request).*)$/m)?.[1];
  if (cause === undefined) return;
  const { deno } = Deno.version;
  return `The executable can't be made: ${cause}.\n` +
    `"deno compile" downloads its runtime, denort ${deno}, on first use. Where it can't, fetch ` +
    `denort-${Deno.build.target}.zip of that release elsewhere, unpack it, and name it: ` +
    `DENORT_BIN=/path/to/denort ./task compile. Without an executable, "./task netsvc ARGUMENTS" is ` +
    "the same program.";
}

/**
 * Deno 2.7.14 gives the modules of npm packages `require` by a text that it looks for in the bundle, and
 * doesn't find in one that is minified.
 */
async function giveRequire(directory: URL): Promise<void> {
  for await (const { name } of Deno.readDir(directory)) {
    const file = new URL(name, directory);
    const text = await Deno.readTextFile(file);
    if (!text.includes("Dynamic require of ")) continue;
    await Deno.writeTextFile(
      file,
      `import{createRequire as $netsvcRequire}from"node:module";var require=$netsvcRequire(import.meta.url);${text}`,
    );
  }
}

/** The native half of Deno KV's client, for its SQLite files: netsvc speaks to servers. It can't be in a script. */
const NATIVE = "/napi_based.js";

/** The daemon's bundle as the function that `packed_daemon.ts` calls; it starts the bundled thread. */
async function daemonCode(file: URL): Promise<Uint8Array<ArrayBuffer>> {
  const text = await Deno.readTextFile(file);
  const parts = text.split(
    new RegExp(`new URL\\("${NAMED.replaceAll(".", "\\.")}", ?[\\w$]+\\.url\\)`),
  );
  if (parts.length !== 2) throw new Error("The daemon starts one thread that serves names");
  const named = parts.join(`new URL("../${RESOLVER_BUNDLE}",$netsvcUrl)`)
    .replaceAll(`require(".${NATIVE}")`, "({})");
  const code = `(function(require,module,exports,$netsvcUrl){${named}\n})`;
  const bytes = new TextEncoder().encode(code);
  // Each character is a byte there, as V8 keeps such texts.
  if (bytes.length !== code.length) throw new Error("The daemon's code is no ASCII");
  return bytes;
}

/** V8's code cache of the daemon, by a program with the runtime and flags of the executable. */
async function codeCache(code: URL, runtime: Record<string, string>): Promise<Uint8Array> {
  const [program, cache] = ["code_cache", "daemon.cache"].map((name) => new URL(name, bundle));
  const output = ["--output", program!.pathname];
  await run(
    ["compile", "--quiet", "--no-check", ...RUNTIME_FLAGS, "-A", ...output, ".ci/code_cache.ts"],
    runtime,
    withoutRuntime,
  );
  const words = [code.pathname, cache!.pathname];
  const made = await new Deno.Command(program!, { args: words, stderr: "piped" }).output();
  if (!made.success) throw new Error(new TextDecoder().decode(made.stderr));
  await Deno.remove(program!);
  return await Deno.readFile(cache!);
}

const pinned = (await Deno.readTextFile(new URL(".ci/deno-version", root))).trim();
if (Deno.version.deno !== pinned) {
  console.error(`Compile with Deno ${pinned}: ./task compile`);
  Deno.exit(1);
}
await Deno.remove(bundle, { recursive: true }).catch(() => {});
// Each start of the executable costs some 4 ms for 1 MiB that is in it, of the daemon's too.
const BUNDLE = ["bundle", "--quiet", "--minify", "--keep-names"];
await run([
  ...BUNDLE,
  // A module for each group of commands: what isn't called isn't parsed.
  "--code-splitting",
  `--external=${DAEMON}`,
  `--external=${INSIDE}`,
  "--outdir",
  "dist/bundle",
  "main.ts",
]);
const main = new URL("main.js", bundle);
const client = await Deno.readTextFile(main);
for (const path of [DAEMON, INSIDE]) {
  if (client.split(`"${path}"`).length !== 2) throw new Error(`main.ts loads ${path} once`);
}
await Deno.writeTextFile(
  main,
  client.replace(DAEMON, "./daemon/packed_daemon.js").replace(INSIDE, "./inside/inside.js"),
);
await run([...BUNDLE, "--outdir", "dist/bundle/inside", INSIDE]);
const daemon = new URL("daemon.js", bundle);
await run([
  ...BUNDLE,
  // One file, in which what is loaded when it is needed is a function: V8's code cache is of scripts.
  "--format=cjs",
  `--external=*${NATIVE}`,
  // Of tslib the ES module: the bundler gives what imports its other form by default (@peculiar/x509 does) nothing.
  "--conditions=module",
  "--output",
  "dist/bundle/daemon.js",
  DAEMON,
]);
const code = await daemonCode(daemon);
await Deno.writeFile(daemon, code);
await run([...BUNDLE, "--outdir", "dist/bundle/resolver", RESOLVER]);
await giveRequire(new URL("resolver/", bundle));
await run([...BUNDLE, "--outdir", "dist/bundle/daemon", ".ci/packed_daemon.ts"]);
// Large module graphs overflow the stack of a worker thread of Deno 2.7.14.
const runtime = { RUST_MIN_STACK: "33554432", ...await denort() };
await run(
  [
    "compile",
    "--quiet",
    "--no-check",
    ...RUNTIME_FLAGS,
    ...PERMISSIONS,
    `--include=dist/bundle/${RESOLVER_BUNDLE}`,
    "--output",
    "dist/netsvc",
    "dist/bundle/main.js",
  ],
  runtime,
  withoutRuntime,
);
const executable = new URL("dist/netsvc", root);
const whole = withBlock(await Deno.readFile(executable), {
  daemon: { code, cache: await codeCache(daemon, runtime) },
});
await Deno.writeFile(executable, new Blob(whole as BlobPart[]).stream());
// What was put under the program may be anything: a runtime of another version or machine, say.
const { version } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
const made = await new Deno.Command(new URL("dist/netsvc", root), { args: ["--version"] }).output()
  .then(({ stdout }) => new TextDecoder().decode(stdout), (reason) => String(reason));
if (!made.includes(version)) {
  await Deno.remove(new URL("dist/netsvc", root));
  console.error(
    `What was compiled doesn't run (${made.trim() || "no answer"}): is DENORT_BIN ` +
      `denort ${Deno.version.deno} for ${Deno.build.target}?`,
  );
  Deno.exit(1);
}
console.log("dist/netsvc");
