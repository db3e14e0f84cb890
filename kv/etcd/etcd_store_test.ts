import { conforming, faulty } from "../../tests/harness/store_subjects.ts";
import { startEtcd } from "../../tests/harness/etcd.ts";
import { storeConformance, storeFaults } from "../conformance.ts";

storeConformance("etcd", () => conforming(startEtcd));
storeFaults("etcd", () => faulty(startEtcd, { ttl: 2000, vanishes: 10_000 }));
