/**
 * A DNS server for tests that answers as the test says, byte by byte.
 *
 * @module
 */
// @ts-types="../../server/dns/codec/dns_packet.d.ts"
import { decode, encode } from "dns-packet";
import { Buffer } from "node:buffer";
import { inNamespace } from "../../lib/linux/namespaces/namespace.ts";
import { readFrame, writeFrame } from "../../server/dns/codec/tcp_frame.ts";

/** A question that came in. */
export interface Came {
  message: Uint8Array;
  /** In the letters in which it came. */
  name: string;
  type: string;
  tcp: boolean;
  /** From where. */
  port: number;
  /** Where the question section ends. */
  end: number;
  /** Payload over UDP that whoever asks takes; absent without EDNS. */
  payload?: number;
}

/** Gives the answer, or several messages, one after the other; `undefined`: none. */
export type Answers = (came: Came) => Answer | Promise<Answer>;
type Answer = Uint8Array | Uint8Array[] | undefined;

/** Header flags of a response. */
export const QR = 0x8000, TC = 0x0200;

/** A question as it was sent. */
export function readQuestion(message: Uint8Array, tcp: boolean, port: number): Came {
  const { questions, additionals } = decode(Buffer.from(message));
  const opt = additionals.find((record) => record.type === "OPT");
  const { name, type } = questions[0]!;
  return {
    ...{ message, name, type, tcp, port, end: message.indexOf(0, 12) + 5 },
    ...opt && "udpPayloadSize" in opt && { payload: opt.udpPayloadSize },
  };
}

/** A response to a question with records of dns-packet's, or none. */
export function reply(came: Came, answers: unknown[] = [], flags = 0): Uint8Array {
  const { name, type, message } = came;
  return new Uint8Array(encode({
    ...{ type: "response", id: (message[0]! << 8) | message[1]!, flags: QR | 0x180 | flags },
    questions: [{ name, type, class: "IN" }],
    answers,
    ...came.payload !== undefined && {
      additionals: [{ type: "OPT", name: ".", udpPayloadSize: 4096, flags: 0, options: [] }],
    },
  }));
}

/** Address records of the name that was asked for, `192.0.2.1` and so on. */
export function addresses({ name }: Came, count: number): unknown[] {
  return Array.from({ length: count }, (_, i) => ({
    ...{ type: "A", name, ttl: 60, data: `192.0.${2 + (i >> 8)}.${(i & 255)}` },
  }));
}

/** Answers over UDP, and over TCP unless that is `"refused"` or never answers (`"mute"`). */
export function startDnsServer(
  namespace: string,
  hostname: string,
  answers: Answers,
  tcp: "served" | "refused" | "mute" = "served",
): Disposable & { came: Came[] } {
  const came: Came[] = [];
  const [udp, listener] = inNamespace(namespace, () => [
    Deno.listenDatagram({ transport: "udp", hostname, port: 53 }),
    tcp === "refused" ? undefined : Deno.listen({ hostname, port: 53 }),
  ]);
  const open = new Set<Deno.Conn>();
  const ask = async (message: Uint8Array, tcp: boolean, { port }: Deno.NetAddr) => {
    const question = readQuestion(message, tcp, port);
    came.push(question);
    return [await answers(question) ?? []].flat();
  };
  (async () => {
    for await (const [message, from] of udp) {
      ask(message.slice(), false, from as Deno.NetAddr)
        .then(async (sent) => {
          for (const answer of sent) await udp.send(answer, from);
        }).catch(() => {});
    }
  })().catch(() => {});
  (async () => {
    for await (const conn of listener ?? []) {
      open.add(conn);
      (async () => {
        for (let message; (message = await readFrame(conn));) {
          if (tcp === "mute") continue;
          for (const answer of await ask(message, true, conn.remoteAddr as Deno.NetAddr)) {
            await writeFrame(conn, answer);
          }
        }
      })().catch(() => {}).finally(() => open.delete(conn) && conn.close());
    }
  })().catch(() => {});
  return {
    came,
    [Symbol.dispose]() {
      udp.close();
      listener?.close();
      for (const conn of open) conn.close();
      open.clear();
    },
  };
}
