import { threeMembers } from "../../tests/harness/store_subjects.ts";
import { storeEnsembles } from "../testing/conformance.ts";

storeEnsembles("etcd", () => threeMembers("etcd", { election: 10_000 }));
