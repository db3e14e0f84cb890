/**
 * Keeps the port where hosts join open: as soon as it is free, and with the certificates that its files have.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain } from "../../../lib/api/errors.ts";
import { sleep } from "../../../lib/async/sleep.ts";
import { JOIN_PORT } from "../files/ports.ts";
import type { JoinServer, JoinTls } from "./join_server.ts";

const log = getLogger(["netsvc", "cluster"]);
/** Pause between attempts to listen, and between looks at the files, in milliseconds. */
const LOOK_MS = 2_000;

/** What {@linkcode keepListening} needs. */
export interface ListenParts {
  server: Pick<JoinServer, "listen" | "renew">;
  /** Paths. */
  files: JoinTls;
  host: string;
  signal: AbortSignal;
  look?: number;
}

/** Until `signal`. Never fails: the daemon has other work meanwhile. */
export async function keepListening(
  { server, files, host, signal, look = LOOK_MS }: ListenParts,
): Promise<void> {
  let said = "";
  let used: JoinTls | undefined;
  while (!signal.aborted) {
    try {
      const tls = await readFiles(files);
      if (signal.aborted) return;
      if (!used) await server.listen(tls, { host, port: JOIN_PORT });
      else if (!same(used, tls)) server.renew(tls);
      used = tls;
      said = "";
    } catch (error) {
      const why = errorChain(error)[0]!;
      if (why !== said && !used) log.error("{why}; no host can join meanwhile", { why });
      // A pair whose files are of two days is there for a moment alone.
      if (why !== said && used) log.warn("Cannot take a renewed certificate yet: {why}", { why });
      said = why;
    }
    await sleep(look, signal);
  }
}

async function readFiles({ cert, key, ca }: JoinTls): Promise<JoinTls> {
  const [one, two, three] = await Promise.all(
    [cert, key, ca].map((path) => Deno.readTextFile(path)),
  ) as [string, string, string];
  return { cert: one, key: two, ca: three };
}

function same(a: JoinTls, b: JoinTls): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca;
}
