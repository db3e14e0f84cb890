/**
 * Asks a host that may be a voter by now where the voters are. Who answers shows a certificate with the voters' name, which
 * no host's has: a host that isn't one leads nobody astray.
 *
 * @module
 */
import https from "node:https";
import { z } from "zod";
import type { Endpoint } from "../../../../kv/url/url_parts.ts";
import { VOTER_NAME } from "../../control/authority.ts";
import type { ClusterPaths } from "../../files/cluster_paths.ts";
import { JOIN_PORT } from "../../files/ports.ts";

/** Time for one host, in milliseconds. */
const ASK_MS = 4_000;
/** What may be answered, in bytes. */
const MAX_ANSWER = 16_384;

/** The path of the question. */
export const VOTERS_PATH = "/voters";

/** The answer to it. */
export const VotersAnswer = z.strictObject({
  voters: z.array(z.strictObject({
    host: z.string().min(1).max(64),
    port: z.int().min(1).max(65535),
  })).min(1).max(16),
});

/** @throws where it is no voter of this host's cluster, or doesn't answer */
export async function askVoters(paths: ClusterPaths, address: string): Promise<Endpoint[]> {
  const [ca, cert, key] = await Promise.all(
    [paths.ca, paths.hostCertificate, paths.hostKey].map((path) => Deno.readTextFile(path)),
  ) as [string, string, string];
  const text = await ask({ address, tls: { ca, cert, key } });
  return VotersAnswer.parse(JSON.parse(text)).voters;
}

function ask(
  { address, tls }: { address: string; tls: { ca: string; cert: string; key: string } },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = https.request({
      ...tls,
      host: address,
      port: JOIN_PORT,
      path: VOTERS_PATH,
      method: "GET",
      servername: VOTER_NAME,
      rejectUnauthorized: true,
      agent: false,
      timeout: ASK_MS,
    }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > MAX_ANSWER) request.destroy(new Error("the answer is too long"));
      });
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`it refuses: ${text.slice(0, 200)}`));
      });
    });
    const timer = setTimeout(() => request.destroy(new Error("it didn't answer in time")), ASK_MS);
    request.on("close", () => clearTimeout(timer));
    request.on("error", reject);
    request.end();
  });
}
