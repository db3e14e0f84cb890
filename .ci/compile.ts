/**
 * Makes `dist/netsvc`: bundles the program, split so that a client loads neither the daemon nor its
 * libraries, and compiles the bundle with the permissions it needs and no more.
 */
import { denort } from "./denort.ts";

const root = new URL("../", import.meta.url);
const bundle = new URL("dist/bundle/", root);

/**
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
  "--allow-sys=hostname,osRelease",
  "--allow-env",
  "--allow-run=ip,bridge,nft,iptables,ip6tables,conntrack,nsenter,sh,setsid,podman,docker",
];

async function run(args: string[], env: Record<string, string> = {}): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args,
    env,
    cwd: root,
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  if (success) return;
  console.error(`deno ${args[0]} failed`);
  Deno.exit(1);
}

const pinned = (await Deno.readTextFile(new URL(".ci/deno-version", root))).trim();
if (Deno.version.deno !== pinned) {
  console.error(`Compile with Deno ${pinned}: npx -y deno@${pinned} task compile`);
  Deno.exit(1);
}
await Deno.remove(bundle, { recursive: true }).catch(() => {});
await run([
  "bundle",
  "--quiet",
  "--code-splitting",
  // The native half of Deno KV's client, for its SQLite files: netsvc speaks to servers.
  "--external=@deno/kv-*",
  "--external=*.node",
  "--outdir",
  "dist/bundle",
  "main.ts",
]);
await run([
  "compile",
  "--quiet",
  "--no-check",
  // V8's would lie under a fixed name in /tmp, where anybody could put code for root to run.
  "--no-code-cache",
  "--unstable-kv",
  "--unstable-net",
  "--unstable-ffi",
  ...PERMISSIONS,
  "--output",
  "dist/netsvc",
  "dist/bundle/main.js",
], {
  // Large module graphs overflow the stack of a worker thread of Deno 2.7.14.
  RUST_MIN_STACK: "33554432",
  ...await denort(),
});
console.log("dist/netsvc");
