import assert from "node:assert/strict";
import { parsePublish, parseServicePort } from "./ports.ts";

const tcp = (hostPort: number, containerPort: number, hostIp?: string) => ({
  ...hostIp !== undefined && { hostIp },
  hostPort,
  containerPort,
  protocol: "tcp" as const,
});

Deno.test("parsePublish() reads what Docker reads", () => {
  assert.deepEqual(parsePublish("8080:80"), [tcp(8080, 80)]);
  assert.deepEqual(parsePublish("80"), [tcp(0, 80)]);
  assert.deepEqual(parsePublish("127.0.0.1:8080:80"), [tcp(8080, 80, "127.0.0.1")]);
  assert.deepEqual(parsePublish("127.0.0.1::80"), [tcp(0, 80, "127.0.0.1")]);
  assert.deepEqual(parsePublish("[::1]:8080:80/tcp"), [tcp(8080, 80, "::1")]);
  assert.deepEqual(parsePublish("53:5353/udp"), [{
    hostPort: 53,
    containerPort: 5353,
    protocol: "udp",
  }]);
  assert.deepEqual(parsePublish("8000-8002:9000-9002"), [
    tcp(8000, 9000),
    tcp(8001, 9001),
    tcp(8002, 9002),
  ]);
  assert.deepEqual(parsePublish("8000-8003:80"), [{ ...tcp(8000, 80), hostPortEnd: 8003 }]);
});

Deno.test("parsePublish() refuses the rest and says how to write it", () => {
  for (
    const text of [
      "",
      "x",
      "80:",
      "0:0",
      ":80:80:80",
      "70000:80",
      "1.2.3.4:80",
      "80:80/sctp",
      "8000-8001:9000-9002",
      "9000-8000",
      "80:80 ",
      "256.1.1.1:80:80",
      "1.2.3.04:80:80",
      "[::1::]:80:80",
    ]
  ) {
    assert.throws(() => parsePublish(text), /Invalid|Unknown|differ/, text);
  }
});

Deno.test("parseServicePort() reads NAME:PORT/PROTO", () => {
  assert.deepEqual(parseServicePort("http:80", "x"), { name: "http", port: 80, protocol: "tcp" });
  assert.deepEqual(parseServicePort("http:80:8080/tcp", "x"), {
    ...{ name: "http", port: 80, protocol: "tcp", target: 8080 },
  });
  assert.deepEqual(parseServicePort("80:8080", "x"), { port: 80, protocol: "tcp", target: 8080 });
  assert.deepEqual(parseServicePort("53/udp", "x"), { port: 53, protocol: "udp" });
  for (const text of ["0", "http:", "a b:80", "80/x"]) {
    assert.throws(() => parseServicePort(text, "x"), text);
  }
});
