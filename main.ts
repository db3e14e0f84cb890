import { main } from "./cli/program.ts";
import type { DaemonFlags } from "./server/wire/daemon_flags.ts";

const daemon = async (flags: DaemonFlags) =>
  await (await import("./server/daemon.ts")).runDaemon(flags);

Deno.exit(await main(Deno.args, { daemon }));
