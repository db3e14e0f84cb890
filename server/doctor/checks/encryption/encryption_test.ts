import assert from "node:assert/strict";
import { type EncryptionFacts, judgeEncryption } from "./encryption.ts";

const NOW = Date.parse("2026-11-29T12:00:00Z");
const SECONDS = NOW / 1000;

const FINE: EncryptionFacts = {
  now: NOW,
  peers: [{ name: "b", endpoint: "192.0.2.2:51820", handshake: SECONDS - 40, received: 500 }],
  keys: [{ name: "a", made: "2026-11-01T00:00:00Z" }],
  keyless: [],
  refused: [],
  clear: 0,
};

Deno.test("what is wrong with tunnels is told, with its remedy", () => {
  const judge = (facts: Partial<EncryptionFacts>) =>
    judgeEncryption({ ...FINE, ...facts }).map(({ status, message, remedy }) =>
      `${status} ${message}: ${remedy ?? ""}`
    ).join("\n");
  const peer = (facts: Partial<EncryptionFacts["peers"][number]>) =>
    judge({ peers: [{ ...FINE.peers[0]!, ...facts }] });
  assert.match(judge({}), /^ok 1 hosts share .* 40 s old/);
  assert.match(judge({ peers: [] }), /^ok No other host/);
  assert.match(
    peer({ handshake: 0, received: 0 }),
    /no handshake with host "b" at 192.0.2.2:51820 yet.*open the UDP port/,
  );
  assert.match(peer({ handshake: SECONDS - 600 }), /for 600 s.*clock was set back/);
  assert.match(peer({ handshake: SECONDS + 3600 }), /clock of this host has gone back by 3600 s/);
  assert.match(judge({ keyless: ["c"] }), /Host "c" shares .* no key/);
  assert.match(
    judge({ refused: ["d".repeat(64)] }),
    /Host dddddddddddd has the key or the address of another/,
  );
  assert.match(
    judge({ keys: [{ name: "a", made: "2026-10-20T00:00:00Z" }] }),
    /key of host "a" is over 31 days old/,
  );
  assert.match(judge({ clear: 7 }), /^warning 7 packets .* in the clear/);
});
