import assert from "node:assert/strict";
import "../../../../tests/harness/command.ts"; // Loads libc.
import type { CheckContext, ClusterView } from "../../check.ts";
import { closeFd, libc } from "../../../../lib/linux/libc.ts";
import { openBound } from "../../../../lib/linux/sockets/bound_socket.ts";
import { checkCluster, judgePorts } from "./cluster.ts";
import { isTaken, tryPort } from "./try_port.ts";
import { judgeDisk } from "./disk.ts";

Deno.test("a port that takes connections is told from one that nobody listens on", async () => {
  for (const hostname of ["127.0.0.1", "::1"]) {
    const listener = Deno.listen({ hostname, port: 0 });
    const { port } = listener.addr;
    assert.equal(await tryPort(hostname, port), "open");
    listener.close();
    assert.equal(await tryPort(hostname, port), "refused");
  }
});

Deno.test("a UDP port that another program has is told, in both families", async () => {
  for (const literal of ["127.0.0.1", "::1"]) {
    const fd = openBound("datagram", { literal, port: 0 });
    const bytes = new Uint8Array(28);
    libc().getsockname(fd, bytes, new Uint8Array(new Int32Array([28]).buffer));
    const port = new DataView(bytes.buffer).getUint16(2);
    const view = { inCluster: true, wireguardPort: () => port };
    const found = await checkCluster({
      cluster: {
        ...view,
        troubles: () => Promise.resolve([]),
        ports: () => Promise.resolve([]),
        votes: () => false,
      },
    } as unknown as CheckContext);
    assert.match(found[0]!.message, new RegExp(`^Another program has UDP port ${port}, `));
    closeFd(fd);
    assert.equal(isTaken(port), false);
  }
});

Deno.test("ports are named by voter, and by what is wrong with them", () => {
  const ports = [
    { port: 2478, state: "refused" as const },
    { port: 2479, state: "silent" as const },
    { port: 2480, state: "silent" as const },
  ];
  const [silent, refused] = judgePorts([{ name: "one", ports }]);
  assert.match(silent!.message, /^Nothing comes back from TCP port 2479 and 2480 of voter "one"$/);
  assert.match(refused!.message, /^Nobody listens on TCP port 2478 of voter "one"$/);
  assert.deepEqual(judgePorts([{ name: "one", ports: [{ port: 1, state: "open" }] }]), []);
});

Deno.test("a host in no cluster hears nothing of one, a sound one that it is sound", async () => {
  const view = (more: Partial<ClusterView>): CheckContext => ({
    cluster: {
      inCluster: true,
      votes: () => false,
      troubles: () => Promise.resolve([]),
      ports: () => Promise.resolve([]),
      wireguardPort: () => undefined,
      ...more,
    },
  } as CheckContext);
  assert.deepEqual(await checkCluster(view({ inCluster: false })), []);
  assert.deepEqual((await checkCluster(view({}))).map(({ status }) => status), ["ok"]);
  const trouble = { severity: "problem" as const, message: "m", remedy: "r" };
  assert.deepEqual(await checkCluster(view({ troubles: () => Promise.resolve([trouble]) })), [
    { check: "cluster", status: "problem", message: "m", remedy: "r" },
  ]);
});

Deno.test("a disk is full, nearly full, or no matter", () => {
  const judge = (free: number, votes: boolean) =>
    judgeDisk({ directory: "/var", free, votes }).map(({ status }) => status).join();
  assert.equal(judge(0, false), "problem");
  assert.equal(judge(40_000_000, false), "");
  assert.equal(judge(40_000_000, true), "warning");
  assert.equal(judge(20_000_000, false), "warning");
  assert.equal(judge(80_000_000, true), "");
});
