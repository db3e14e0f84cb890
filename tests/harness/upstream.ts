/**
 * A small DNS server for tests, over UDP and TCP: the resolver that a host has.
 *
 * @module
 */
// @ts-types="../../server/dns/codec/dns_packet.d.ts"
import { decode, encode } from "dns-packet";
import { Buffer } from "node:buffer";
import { inNamespace } from "../../lib/linux/namespaces/namespace.ts";
import { readFrame, writeFrame } from "../../server/dns/codec/tcp_frame.ts";

const AUTHORITATIVE = 0x0400, RECURSION = 0x0180, TRUNCATED = 0x0200;

const HOSTS: Record<string, string[]> = {
  "www.example.com": ["192.0.2.80"],
  "intra.corp.example": ["192.0.2.81"],
  "big.example.com": Array.from({ length: 100 }, (_, i) => `192.0.2.${i + 1}`),
};

/** The server, and how it misbehaves. */
export interface Upstream {
  /** Answers nothing. */
  mute: boolean;
  /** Answers with a wrong id and with another question. */
  lie: boolean;
  /** The names that it was asked for over UDP. */
  asked: string[];
  /** Answers for this domain alone, and refuses all else. */
  only?: string;
  close(): void;
}

const REFUSED = 5;

function answer(message: Uint8Array, limit: number, only?: string): Uint8Array {
  const query = decode(Buffer.from(message));
  const [question] = query.questions;
  if (only !== undefined && !`.${question!.name}`.toLowerCase().endsWith(`.${only}`)) {
    const { id, questions } = query;
    return new Uint8Array(encode({ type: "response", id, flags: REFUSED, questions, answers: [] }));
  }
  const addresses = HOSTS[question!.name.toLowerCase()];
  const reply = (answers: unknown[], flags: number) =>
    new Uint8Array(encode({
      type: "response",
      id: query.id,
      flags: AUTHORITATIVE | RECURSION | flags | (addresses ? 0 : 3),
      questions: query.questions,
      answers,
    }));
  const answers = question!.type === "A"
    ? (addresses ?? []).map((data) => ({ type: "A", name: question!.name, ttl: 60, data }))
    : [];
  const whole = reply(answers, 0);
  return whole.length > limit ? reply([], TRUNCATED) : whole;
}

/** Starts the server on port 53 of an address of a namespace. */
export function startUpstream(namespace: string, hostname: string): Upstream {
  const udp = inNamespace(
    namespace,
    () => Deno.listenDatagram({ transport: "udp", hostname, port: 53 }),
  );
  const tcp = inNamespace(namespace, () => Deno.listen({ hostname, port: 53 }));
  const upstream: Upstream = {
    mute: false,
    lie: false,
    asked: [],
    close() {
      udp.close();
      tcp.close();
    },
  };
  (async () => {
    for await (const [message, from] of udp) {
      upstream.asked.push(decode(Buffer.from(message)).questions[0]!.name);
      if (upstream.mute) continue;
      const reply = answer(message, 1232, upstream.only);
      if (upstream.lie) {
        const wrongId = reply.slice();
        wrongId[0]! ^= 0xff;
        await udp.send(wrongId, from);
        reply[13]! ^= 1;
      }
      await udp.send(reply, from);
    }
  })().catch(() => {});
  (async () => {
    for await (const conn of tcp) {
      const message = await readFrame(conn);
      if (message && !upstream.mute) await writeFrame(conn, answer(message, 65535, upstream.only));
      conn.close();
    }
  })().catch(() => {});
  return upstream;
}
