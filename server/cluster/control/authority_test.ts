import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { createRequest, requestedKey } from "../../../lib/x509/x509.ts";
import { whyNotCertified } from "../member/voter.ts";
import { Authority, VOTER_NAME } from "./authority.ts";

const id = "a".repeat(64);

Deno.test("the authority signs nothing for a host but its id and an address, whoever asks for what", async () => {
  const authority = await Authority.create("c".repeat(64), Date.now());
  const publicKey = (await requestedKey((await createRequest(id)).request))!;
  for (
    const address of [
      VOTER_NAME,
      "localhost",
      "::ffff:10.0.0.1",
      "127.0.0.1",
      "FD00::1",
      "10.0.0.1\n",
      "",
    ]
  ) {
    for (
      const signing of [
        authority.certifyHost({ id, address, publicKey }),
        authority.certifyVoterKey({ id, address, publicKey }),
        authority.certifyVoter({ id, address }),
      ]
    ) await assert.rejects(signing, { code: "invalid", message: /No certificate is signed for/ });
  }
  for (const other of ["root", `voter-${id}`, `${id}\n`, "A".repeat(64)]) {
    const signing = authority.certifyHost({ id: other, address: "10.0.0.1", publicKey });
    await assert.rejects(signing, { code: "invalid", message: /Not the id of a host/ });
  }
  const good = new X509Certificate(
    await authority.certifyHost({ id, address: "fd00::1", publicKey }),
  );
  assert.equal(good.subjectAltName, "IP Address:fd00::1");
  assert.equal(good.checkHost(VOTER_NAME), undefined);
});

Deno.test("at a renewal no host takes another one's name or address", () => {
  const other = { id: "b".repeat(64), name: "web", address: "10.0.0.2" };
  const own = { id, name: "one", address: "10.0.0.1" };
  const all = [other, own];
  assert.equal(whyNotCertified(own, all), undefined);
  assert.equal(whyNotCertified({ ...own, name: "ONE", address: "10.0.0.3" }, all), undefined);
  assert.match(whyNotCertified({ ...own, name: "WEB" }, all)!, /"WEB" is the name of host/);
  assert.match(whyNotCertified({ ...own, address: "10.0.0.2" }, all)!, /address of host web/);
});
