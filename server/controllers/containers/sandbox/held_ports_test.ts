import assert from "node:assert/strict";
import { containerSubject } from "../../../../tests/harness/containers.ts";

const port = { hostPort: 8080, containerPort: 80, protocol: "tcp" as const };

Deno.test("a port that can't be held is said to be the other container's, or a program's", async () => {
  await using subject = await containerSubject();
  const { containers, containers: { holder: { ports } } } = subject;
  await containers.create({ name: "web", network: "bridge", ports: [port] });
  assert.throws(() => ports.hold("x", [port]), /published by container "web"/);
  subject.ports.set("a program", [{ ...port, hostPort: 9090 }]);
  assert.throws(() => ports.hold("x", [{ ...port, hostPort: 9090 }]), /a program of this host/);
  assert.throws(() => ports.check([port]), { code: "exists" });
  const other = { ...port, hostPort: 7070 };
  assert.throws(() => ports.check([other, other]), /published twice/);
  ports.check([{ ...port, hostPort: 0 }, { ...port, hostPort: 0 }]);
});

Deno.test("after a restart living containers hold theirs again", async () => {
  await using subject = await containerSubject();
  const { containers, containers: { holder } } = subject;
  const { id } = await containers.create({ name: "web", network: "bridge", ports: [port] });
  const ended = await containers.create({
    name: "db",
    network: "bridge",
    ports: [{ ...port, hostPort: 1 }],
  });
  await holder.exit(ended.id);
  subject.ports.clear();
  holder.ports.holdAll();
  assert.deepEqual([...subject.ports.keys()], [id]);
});
