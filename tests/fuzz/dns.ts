/**
 * The DNS codec under any bytes, both ways: as a query that is read and answered, and as the answer of a
 * resolver that is handed on.
 *
 * @module
 */
import {
  encodeAnswer,
  encodeTurning,
  MAX_QUERY,
  parseQuery,
} from "../../server/dns/codec/codec.ts";
import {
  answerByAlias,
  endOfQuestion,
  HEADER,
  placesOf,
  withoutOpt,
  withPayload,
} from "../../server/dns/codec/records.ts";
import { parseResolvConf } from "../../server/dns/files/resolv_conf.ts";
import { turned } from "../../server/dns/codec/rotation.ts";
import { isAnswer } from "../../server/dns/upstream/upstream_sockets.ts";
import { answerFrom, type View } from "../../server/dns/zones/view.ts";
import { buildZone } from "../harness/zone.ts";

const VIEW: View = {
  networks: [buildZone({
    name: "foo",
    ttl: 5,
    subnets: ["10.5.0.0/16", "fd00::/64"],
    services: Array.from({ length: 40 }, (_, i) => ({
      ...{ name: `s${i}`, aliases: ["many"] },
      endpoints: i === 1 ? [] : [{
        containerNames: [`c${i}`],
        ports: [{ port: 80, protocol: "tcp" }],
        addresses: [`10.5.0.${i + 2}`, `fd00::${i + 2}`],
      }],
    })),
  })],
  links: [],
  external: false,
};
const WORD = new Uint8Array([5, 105, 110, 116, 114, 97, 0, 0, 1, 0, 1]);

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** Every record is in bounds, and as many as the header says. */
function checkMessage(message: Uint8Array, limit: number): void {
  check(message.length <= limit, `${message.length} bytes, more than ${limit}`);
  const places = placesOf(message);
  check(places !== undefined, "its records aren't in bounds");
  check((places!.at(-1)?.end ?? endOfQuestion(message)) === message.length, "there is more");
}

function runQuery(bytes: Uint8Array): void {
  const parsed = parseQuery(bytes);
  if (!parsed.ok) {
    if (!parsed.drop) check((parsed.reply[2]! & 0x80) !== 0, "an error is a response");
    return;
  }
  check(bytes.length <= MAX_QUERY, "a query is bounded");
  const { query } = parsed;
  check(isAnswer(encodeAnswer(query, REFUSED, 65535), bytes), "an answer to its own question");
  const answer = answerFrom(VIEW, query.question);
  if (answer === "forward") throw new Error("it isn't to be forwarded");
  checkMessage(encodeAnswer(query, answer, query.payload), query.payload);
  const turning = encodeTurning(query, answer, query.payload);
  for (let i = 0; i < Math.min(turning.count, 3); i++) {
    checkMessage(turned(turning, i), query.payload);
  }
  for (const size of [512, 1232, 4096]) {
    const again = parseQuery(withPayload(bytes, size));
    // One byte short of the longest query it has no room for EDNS.
    if (bytes.length <= MAX_QUERY - 11) check(again.ok && again.query.payload === size, "payload");
  }
  const plain = parseQuery(withoutOpt(bytes));
  check(plain.ok && !plain.query.edns, "without EDNS it is still a query");
}

const REFUSED = {
  ...{ rcode: "REFUSED" as const, answers: [], additionals: [], authorities: [] },
  rotate: false,
};

function runReply(bytes: Uint8Array): void {
  const answer = answerByAlias(bytes, WORD);
  if (answer) checkMessage(answer, 65535);
  if (bytes.length >= HEADER) isAnswer(bytes, bytes);
}

/** What it is called. */
export const name = "dns";

/** @throws when something is wrong with what is made of the bytes */
export function run(bytes: Uint8Array): void {
  runQuery(bytes);
  runReply(bytes);
  parseResolvConf(new TextDecoder().decode(bytes));
}
