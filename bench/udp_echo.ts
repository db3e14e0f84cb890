/**
 * The floor of the resolver: an empty UDP loop that sends each query back with QR set, so that
 * dnsperf takes it for an answer. Started by `resolver.ts` inside a namespace.
 *
 * @module
 */
const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 5300 });
const buffer = new Uint8Array(4096);
console.log("ready");
while (true) {
  const [message, from] = await socket.receive(buffer);
  const reply = message.slice();
  reply[2]! |= 0x80;
  socket.send(reply, from).catch(() => {});
}
