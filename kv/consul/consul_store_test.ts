import { startConsul } from "../../tests/harness/consul.ts";
import { conforming, faulty } from "../../tests/harness/store_subjects.ts";
import { storeConformance, storeFaults } from "../conformance.ts";

storeConformance("consul", () => conforming(startConsul));
// Consul ends a session at up to twice its time to live.
storeFaults("consul", () => faulty(startConsul, { ttl: 10_000, vanishes: 40_000 }));
