import assert from "node:assert/strict";
import { createRequest, keyFingerprint, requestedKey } from "../../../lib/x509/x509.ts";
import { HandoverOffer, sealFor } from "./handover.ts";

async function host(digit: string) {
  const { request, key: pem } = await createRequest("h");
  const key = keyFingerprint((await requestedKey(request))!);
  return { id: digit.repeat(64), key, pem };
}

const secret = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n";
const UNAUTHORIZED = { code: "unauthorized" as const };

Deno.test("what is sealed for a host's offer is opened by it, and by no other", async () => {
  const one = await host("1");
  const offer = await HandoverOffer.make(one.id, one.pem);
  const sealed = await sealFor(one, { offer: offer.text, secret });
  assert.ok(!sealed.includes("PRIVATE"));
  assert.equal(await offer.open(sealed), secret);
  const later = await HandoverOffer.make(one.id, one.pem);
  await assert.rejects(later.open(sealed), { code: "invalid" });
  const bent = JSON.parse(sealed);
  bent.sealed = `A${bent.sealed.slice(1)}` === bent.sealed
    ? `B${bent.sealed.slice(1)}`
    : `A${bent.sealed.slice(1)}`;
  await assert.rejects(offer.open(JSON.stringify(bent)), { code: "invalid" });
});

Deno.test("nothing is sealed for an offer that the host itself hasn't signed", async () => {
  const [one, two] = [await host("1"), await host("2")];
  const theirs = await HandoverOffer.make(one.id, two.pem);
  await assert.rejects(sealFor(one, { offer: theirs.text, secret }), UNAUTHORIZED);
  const moved = await HandoverOffer.make(two.id, one.pem);
  await assert.rejects(sealFor(one, { offer: moved.text, secret }), UNAUTHORIZED);
  const own = JSON.parse((await HandoverOffer.make(one.id, one.pem)).text);
  const other = JSON.parse((await HandoverOffer.make(one.id, one.pem)).text);
  const swapped = JSON.stringify({ ...own, offered: other.offered });
  for (const offer of [swapped, "", "{}", "null", JSON.stringify({ ...own, signature: "" })]) {
    await assert.rejects(sealFor(one, { offer, secret }), UNAUTHORIZED, offer.slice(0, 40));
  }
});
