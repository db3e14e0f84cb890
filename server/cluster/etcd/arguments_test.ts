import assert from "node:assert/strict";
import { etcdArguments, type EtcdFiles, type EtcdMember } from "./arguments.ts";

const member: EtcdMember = {
  name: "h1",
  cluster: "c1",
  client: { host: "fd00::1", port: 2479 },
  peer: { host: "fd00::1", port: 2480 },
  members: { h0: "https://10.0.0.1:2480", h1: "https://[fd00::1]:2480" },
  existing: true,
};
const files: EtcdFiles = {
  data: "/d/etcd",
  ca: "/d/ca.crt",
  cert: "/d/host.crt",
  key: "/d/host.key",
  peerCa: "/d/peer-ca.crt",
  peerCert: "/d/peer.crt",
  peerKey: "/d/peer.key",
  crl: "/d/crl",
};

Deno.test("etcd listens with mutual TLS only, for members by their name in the certificate", () => {
  for (const version of [[3, 4, 23], [3, 5, 21], [3, 6, 16], [3, 7, 3]] as const) {
    const argv = etcdArguments({ member, files }, [...version]);
    for (
      const word of [
        "--client-cert-auth",
        "--peer-client-cert-auth",
        "--trusted-ca-file=/d/ca.crt",
        "--peer-trusted-ca-file=/d/peer-ca.crt",
        "--peer-cert-allowed-hostname=voter.netsvc",
        "--client-crl-file=/d/crl",
        "--enable-grpc-gateway=false",
        "--listen-client-urls=https://[fd00::1]:2479",
        "--initial-cluster=h0=https://10.0.0.1:2480,h1=https://[fd00::1]:2480",
        "--initial-cluster-state=existing",
      ]
    ) assert.ok(argv.includes(word), `${word} of ${version}`);
    assert.ok(!argv.some((word) => word.includes("http://")));
    assert.ok(!argv.includes("--force-new-cluster"));
  }
});

Deno.test("what has another name in a version is called by it", () => {
  const words = (minor: number) => etcdArguments({ member, files }, [3, minor, 0]).join(" ");
  assert.match(words(4), /--experimental-peer-skip-client-san-verification/);
  assert.doesNotMatch(words(4), /--tls-min-version/);
  assert.match(words(5), /--tls-min-version=TLS1\.2/);
  assert.match(words(5), /--experimental-initial-corrupt-check=true/);
  assert.doesNotMatch(words(6), /--experimental/);
  assert.match(words(6), /--feature-gates=InitialCorruptCheck=true/);
});

Deno.test("behind a translated address it listens where it is told, and is found at its address", () => {
  const argv = etcdArguments({ member: { ...member, listen: "0.0.0.0", alone: true }, files }, [
    3,
    5,
    0,
  ]);
  assert.ok(argv.includes("--listen-peer-urls=https://0.0.0.0:2480"));
  assert.ok(argv.includes("--initial-advertise-peer-urls=https://[fd00::1]:2480"));
  assert.ok(argv.includes("--force-new-cluster"));
});
