import { conformingVersions, faultyVersions } from "../../tests/harness/store_subjects.ts";
import { startEtcd } from "../../tests/harness/etcd.ts";
import { storeConformance, storeFaults } from "../testing/conformance.ts";

for (const { name, conforming } of conformingVersions("etcd", startEtcd)) {
  storeConformance(name, conforming);
}
storeFaults("etcd", faultyVersions("etcd", startEtcd, { ttl: 2000, vanishes: 10_000 }));
