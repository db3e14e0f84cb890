import assert from "node:assert/strict";
import { EHOSTUNREACH, EMSGSIZE, EPERM } from "../../../lib/linux/errno.ts";
import type { ProbeEnd, ProbeResult } from "../../model/repository/probes.ts";
import { judgeWay } from "./path_verdict.ts";

const PEER = { name: "b", address: "10.0.0.2" };
const SIZES = [128, 1400, 1500];
const end = (address?: string): ProbeEnd => ({
  ...address !== undefined && { address },
  port: 4789,
  sizes: SIZES,
});

/** A sound result but for some parts. */
function result(parts: Partial<ProbeResult> = {}): ProbeResult {
  return {
    own: end("10.0.0.1"),
    ready: { time: 0, end: end(PEER.address) },
    here: { heard: SIZES, refused: {} },
    there: { heard: SIZES, refused: {} },
    ping: true,
    ...parts,
  };
}

/** Statuses and messages. */
function judged(parts: Partial<ProbeResult>): string[] {
  return judgeWay(PEER, result(parts)).map(({ status, message, remedy }) => {
    assert.equal(remedy !== undefined, status !== "ok", message);
    return `${status}: ${message}`;
  });
}

function assertJudged(parts: Partial<ProbeResult>, ...expected: RegExp[]): void {
  const found = judged(parts);
  assert.equal(found.length, expected.length, found.join("\n"));
  expected.forEach((pattern, i) => assert.match(found[i]!, pattern));
}

Deno.test("judgeWay() says when all is well", () => {
  assertJudged({ ping: false }, /^ok: Host "b" \(10\.0\.0\.2\): UDP port 4789 is open both ways/);
});

Deno.test("judgeWay() tells the directions apart", () => {
  const none = { heard: [], refused: {} };
  assertJudged({ there: none }, /^problem: What this host sends to UDP port 4789 of host "b"/);
  assertJudged({ here: none }, /^problem: What host "b" sends to UDP port 4789 of this host/);
  assertJudged({ here: none, there: none }, /What this host sends/, /What host "b" sends/);
  assertJudged(
    { here: none, there: none, ping: false },
    /Host "b" can't be reached at 10\.0\.0\.2/,
  );
});

Deno.test("judgeWay() goes by what the kernel said", () => {
  const stopped = (code: number) => Object.fromEntries(SIZES.map((size) => [size, code]));
  const nothing = { heard: [], refused: {} };
  assertJudged(
    { here: { heard: SIZES, refused: stopped(EPERM) }, there: nothing },
    /^problem: The firewall of this host itself drops/,
  );
  assertJudged(
    { here: { heard: [], refused: stopped(EHOSTUNREACH) }, there: nothing, ping: false },
    /^problem: This host has no route to host "b"/,
    /^problem: What host "b" sends/,
  );
  assertJudged(
    {
      here: { heard: SIZES, refused: { 1500: EMSGSIZE } },
      there: { heard: [128, 1400], refused: {} },
    },
    /^problem: Packets of 1500 bytes from this host don't reach host "b", those of 1400 do.*own route/,
  );
});

Deno.test("judgeWay() says why nothing could be examined", () => {
  const { ready: _ready, ...unanswered } = result();
  for (const ping of [true, false]) {
    const [finding] = judgeWay(PEER, { ...unanswered, ping });
    assert.match(
      finding!.message,
      ping
        ? /^Host "b" holds its lease, but its daemon doesn't answer .*; 10\.0\.0\.2 answers a ping$/
        : /^Host "b" holds its lease, but its daemon doesn't answer .*; 10\.0\.0\.2 does not answer a ping either$/,
    );
  }
  const { there: _there, ...untold } = result();
  assert.match(judgeWay(PEER, untold)[0]!.message, /didn't tell what it found/);
  assertJudged({ ready: { time: 0, end: end(), failure: "No" } }, /can't be examined: No$/);
  assertJudged({ ready: { time: 0, end: end() } }, /has no address that other hosts reach/);
  assertJudged({ ready: { time: 0, end: end("fd00::2") } }, /tunnels need one family/);
});
