import assert from "node:assert/strict";
import { libc } from "../libc.ts";
import { ConnectedSocket } from "./connected_socket.ts";
import { Poller } from "./poller.ts";

libc(); // Loaded once, for all tests.

const until = (socket: ConnectedSocket, writing = false) =>
  new Promise<void>((resolve) => socket.watch(resolve, writing));

for (const hostname of ["127.0.0.1", "::1"]) {
  Deno.test(`a datagram socket hears its peer alone, and that there is nobody (${hostname})`, async () => {
    const peer = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
    const { port } = peer.addr as Deno.NetAddr;
    const poller = new Poller();
    const socket = new ConnectedSocket(poller, "datagram", hostname, port);
    try {
      const ready = until(socket);
      assert.equal(socket.send(new Uint8Array([1, 2])), 2);
      const [asked, from] = await peer.receive();
      assert.deepEqual(asked, new Uint8Array([1, 2]));
      await peer.send(new Uint8Array([3]), from);
      await ready;
      const got = socket.receive();
      assert.deepEqual(got && new Uint8Array(got as Uint8Array), new Uint8Array([3]));
      peer.close();
      socket.send(new Uint8Array([4]));
      let code = 0;
      for (let i = 0; i < 1000 && code === 0; i++) {
        await new Promise((done) => setTimeout(done, 5));
        code = socket.error();
      }
      assert.equal(code, 111); // ECONNREFUSED: the kernel tells of ICMP's answer.
    } finally {
      socket[Symbol.dispose]();
      socket[Symbol.dispose]();
      await poller.close();
    }
  });

  Deno.test(`a stream that nobody takes has its error (${hostname})`, async () => {
    const listener = Deno.listen({ hostname, port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    listener.close();
    const poller = new Poller();
    try {
      const socket = new ConnectedSocket(poller, "stream", hostname, port);
      await until(socket, true);
      assert.equal(socket.error(), 111); // ECONNREFUSED
      socket[Symbol.dispose]();
    } catch (error) {
      assert.match(String(error), /refused/i);
    } finally {
      await poller.close();
    }
  });
}
