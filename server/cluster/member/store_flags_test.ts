import assert from "node:assert/strict";
import { parseStoreUrl } from "../../../kv/url/url.ts";
import { clusterPaths } from "../files/cluster_paths.ts";
import { storeFlag } from "./store_flags.ts";

Deno.test("a cluster's own store is opened by host or voter, each part by its prefix", () => {
  const paths = clusterPaths("/var/lib/a b&c");
  const endpoints = [{ host: "10.0.0.1", port: 2479 }, { host: "fd00::1", port: 2479 }];
  const store = { kind: "own" as const, endpoints };
  const host = parseStoreUrl(storeFlag({ store }, { paths, part: "public", as: "host" }));
  assert.deepEqual(host.endpoints, endpoints);
  assert.equal(host.prefix, "netsvc-cluster/public");
  assert.ok(host.tls);
  assert.deepEqual(host.files, { ca: paths.ca, cert: paths.hostCertificate, key: paths.hostKey });
  const voter = parseStoreUrl(storeFlag({ store }, { paths, part: "all", as: "voter" }));
  assert.deepEqual(voter.files, {
    ca: paths.ca,
    cert: paths.voterCertificate,
    key: paths.voterKey,
  });
  assert.equal(voter.prefix, "netsvc-cluster");
  const external = { kind: "external" as const, url: "consul:h" };
  assert.equal(storeFlag({ store: external }, { paths, part: "state", as: "host" }), "consul:h");
});
