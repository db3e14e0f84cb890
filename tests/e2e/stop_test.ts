/** A daemon stops, whoever wants something of it at that moment. */
import assert from "node:assert/strict";
import { run, spawn, until } from "../harness/command.ts";
import { TestHost } from "../harness/host.ts";

Deno.test("a daemon stops at once, whoever listens, waits or asks", async () => {
  await using host = await TestHost.create();
  await host.setResolvConf("nameserver 192.0.2.1\n");
  await host.stop();
  await host.start();
  await host.ok("network", "create", "foo");
  // Questions that nobody answers, by both protocols, and a connection that is held open.
  const ask = `import socket,time
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); t=socket.create_connection(("127.0.0.11",53)); u=socket.create_connection(("127.0.0.11",53))
q=bytes.fromhex("000101000001000000000000076578616d706c65036e65740000010001")
while True:
  try:
    s.sendto(q,("127.0.0.11",53)); t.send(len(q).to_bytes(2,"big")+q)
  except OSError: pass
  time.sleep(0.05)`;
  await host.ok(
    "run",
    "-d",
    "--name",
    "asks",
    "--net",
    "foo",
    "-p",
    "8080:80",
    "--",
    "python3",
    "-c",
    ask,
  );
  const api = (path: string, ...words: string[]) =>
    spawn(["curl", "-sN", "--unix-socket", host.socket, ...words, `http://localhost${path}`], {
      stdout: "null",
      stderr: "null",
    });
  const raw = await Deno.connect({ transport: "unix", path: host.socket });
  const kept = await Deno.connect({ transport: "unix", path: host.socket });
  await raw.write(new TextEncoder().encode("GET /netsvc/v1/networks HTTP/1.1\r\nHo"));
  await kept.write(new TextEncoder().encode("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  await kept.read(new Uint8Array(1000));
  const followers = [
    api("/netsvc/v1/events"),
    api("/netsvc/v1/events"),
    api("/events"),
    api("/netsvc/v1/containers/asks/wait", "-X", "POST"),
    api("/netsvc/v1/containers/asks/logs?follow=true"),
  ];
  try {
    await until("all of them are connected", async () => {
      const { stdout } = await run(["ss", "-xH", "state", "connected"]);
      return stdout.split("\n").filter((line) => line.includes(host.socket)).length >= 6;
    });
    const { code } = await host.stop();
    assert.equal(code, 0, host.log());
    // Whom it waits for in vain it names.
    assert.doesNotMatch(host.log(), /were cut off/);
    for (const follower of followers) await follower.status;
  } finally {
    for (const conn of [raw, kept]) conn.close();
    for (const follower of followers) {
      try {
        follower.kill("SIGKILL");
      } catch {
        // It has ended.
      }
    }
  }
});

Deno.test("a change that is under way when a daemon stops is made whole, and answered", async () => {
  await using host = await TestHost.create();
  const changes = Array.from({ length: 12 }, (_, i) => host.run(["network", "create", `n${i}`]));
  await until("one is made", async () => (await host.links()).length > 1);
  const stopped = host.stop();
  const results = await Promise.all(changes);
  assert.equal((await stopped).code, 0, host.log());
  await host.start();
  const names = (await host.ok("network", "ls", "--format", "{{.Name}}")).split("\n");
  for (const [i, { code, stderr }] of results.entries()) {
    assert.equal(names.includes(`n${i}`), code === 0, `n${i}: ${code} ${stderr}`);
    if (code !== 0) assert.match(stderr, /Cannot reach the daemon/);
  }
});

Deno.test("who follows something is told that the daemon stopped", async () => {
  await using host = await TestHost.create();
  await host.ok("run", "-d", "--name", "c", "--net", "none", "--", "sleep", "1000");
  const followers = [host.run(["events"]), host.run(["logs", "-f", "c"])];
  await until("they are connected", async () => {
    const { stdout } = await run(["ss", "-xH", "state", "connected"]);
    return stdout.split("\n").filter((line) => line.includes(host.socket)).length >= 2;
  });
  assert.equal((await host.stop()).code, 0, host.log());
  for (const { code, stderr } of await Promise.all(followers)) {
    assert.equal(code, 1);
    assert.match(stderr, /^netsvc: (Cannot reach the daemon|The daemon ended) .*\n$/);
  }
});
