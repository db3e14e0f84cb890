import assert from "node:assert/strict";
import { certifyNew, createAuthority } from "../../../lib/x509/x509.ts";
import type { JoinTls } from "./join_server.ts";
import { keepListening } from "./keep_listening.ts";
import https from "node:https";
import { JoinServer } from "./join_server.ts";
import { JOIN_PORT } from "../files/ports.ts";

/** An address of this machine's own that nothing else listens on. */
const HOST = "127.78.24.78";

Deno.test("new connections are made with a certificate that took the place of another", async () => {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  const until = Date.now() + 86_400_000;
  const authority = await createAuthority("netsvc cluster", until);
  const files: JoinTls = {
    cert: `${directory}/cert`,
    key: `${directory}/key`,
    ca: `${directory}/ca`,
  };
  const write = async (commonName: string) => {
    const { certificate, key } = await certifyNew(authority, { commonName, names: [HOST], until });
    await Deno.writeTextFile(files.cert, certificate);
    await Deno.writeTextFile(files.key, key);
    await Deno.writeTextFile(files.ca, authority.certificate);
  };
  const server = new JoinServer({
    desk: { admit: () => Promise.reject(new Error("nobody joins here")) },
    authorities: () => Promise.resolve(authority.certificate),
    isMember: () => Promise.resolve(false),
    standing: () => Promise.resolve({}),
    duties: () => Promise.resolve(undefined),
  });
  const shown = () =>
    new Promise<string>((resolve, reject) => {
      https.get({
        host: HOST,
        port: JOIN_PORT,
        path: "/authority",
        rejectUnauthorized: false,
        agent: false,
      }, (response) => {
        const socket = response.socket as unknown as {
          getPeerCertificate: () => { subject: { CN: string } };
        };
        resolve(socket.getPeerCertificate().subject.CN);
        response.resume();
      }).on("error", reject);
    });
  const stop = new AbortController();
  try {
    // Not there yet: it listens as soon as they are.
    const done = keepListening({ server, files, host: HOST, signal: stop.signal, look: 20 });
    await write("first");
    await eventually(() => shown(), "first");
    await write("second");
    await eventually(() => shown(), "second");
    stop.abort();
    await done;
  } finally {
    stop.abort();
    server.close();
    await Deno.remove(directory, { recursive: true });
  }
});

async function eventually(ask: () => Promise<string>, wanted: string): Promise<void> {
  let last: unknown;
  for (let attempt = 0; attempt < 500; attempt++) {
    last = await ask().catch((error) => error);
    if (last === wanted) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(last, wanted);
}
