import { startConsul } from "../../tests/harness/consul.ts";
import { conformingVersions, faultyVersions } from "../../tests/harness/store_subjects.ts";
import { storeConformance, storeFaults } from "../testing/conformance.ts";

for (const { name, conforming } of conformingVersions("consul", startConsul)) {
  storeConformance(name, conforming);
}
// Consul ends a session at up to twice its time to live.
storeFaults("consul", faultyVersions("consul", startConsul, { ttl: 10_000, vanishes: 40_000 }));
