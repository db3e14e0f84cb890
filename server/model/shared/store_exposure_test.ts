import assert from "node:assert/strict";
import { parseStoreUrl } from "../../../kv/url/url.ts";
import { storeExposure } from "./store_exposure.ts";

Deno.test("a store that others can write into is told, and what that means", () => {
  const of = (url: string, env: Record<string, string> = {}) =>
    storeExposure(parseStoreUrl(url, env));
  for (
    const url of [
      "local",
      "etcd:127.0.0.1:2379",
      "etcd:localhost:2379",
      "consul:[::1]:8500",
      "etcds://root@10.0.0.9:2379?password-file=/p",
      "etcds:10.0.0.9:2379?ca=/ca&cert=/c&key=/k",
    ]
  ) assert.equal(of(url), undefined, url);
  assert.equal(of("consuls:10.0.0.9:8501", { CONSUL_HTTP_TOKEN: "t" }), undefined);
  for (
    const [url, what] of [
      [
        "etcd:10.0.0.9:2379",
        /used without TLS and without a login: anyone who reaches its port can take/,
      ],
      ["etcd:127.0.0.1:2379,10.0.0.9:2379", /without TLS and without a login/],
      ["zookeeper:zk.example:2181", /without TLS and without a login/],
      ["etcd:[fd00::9]:2379", /without TLS and without a login/],
      ["etcds:10.0.0.9:2379", /used without a login: anyone who reaches its port/],
      [
        "etcd://root:secret@10.0.0.9:2379",
        /used without TLS: anyone on the path reads the login/,
      ],
    ] as const
  ) {
    assert.match(of(url)!, what, url);
    assert.doesNotMatch(of(url)!, /secret/);
  }
});
