import type { GivenFlags } from "./cli/daemon_flags.ts";
import { main } from "./cli/program.ts";

const daemon = async (given: GivenFlags, config?: string) =>
  await (await import("./cli/daemon.ts")).startDaemon(given, config);

Deno.exit(await main(Deno.args, { daemon }));
