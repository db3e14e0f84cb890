/**
 * Conformance: networks and endpoints. What a driver of names only can pass, it passes too.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Cases, newJoin } from "./case.ts";

/** Cases that need no links. */
export const networks: Cases = {
  "createNetwork() and deleteNetwork() may be called twice": async ({ driver, ...subject }) => {
    const network = subject.network();
    await driver.createNetwork(network);
    await driver.createNetwork(network);
    await driver.deleteNetwork(network);
    await driver.deleteNetwork(network);
    assert.deepEqual(await subject.objects(), []);
  },

  "deleteNetwork() takes what never was": async ({ driver, ...subject }) => {
    await driver.deleteNetwork(subject.network());
    assert.deepEqual(await subject.objects(), []);
  },

  "networks beside each other don't disturb each other": async ({ driver, ...subject }) => {
    const [first, second] = [subject.network(), subject.network()];
    await Promise.all([driver.createNetwork(first), driver.createNetwork(second)]);
    await driver.deleteNetwork(first);
    await driver.createNetwork(second);
    await driver.deleteNetwork(second);
    assert.deepEqual(await subject.objects(), []);
  },

  "setPeers() of a network with nothing joined makes nothing": async ({ driver, ...subject }) => {
    const network = subject.network();
    await driver.createNetwork(network);
    const before = await subject.objects();
    const { endpoint } = newJoin(network, { id: "0".repeat(64), path: "/nowhere" }, 1);
    await driver.setPeers(network, [{ endpoint, vtep: "192.0.2.77" }]);
    assert.deepEqual(await subject.objects(), before);
    await driver.setPeers(network, []);
    await driver.deleteNetwork(network);
    assert.deepEqual(await subject.objects(), []);
  },

  "validate() names an unknown option and the known ones": ({ driver }) => {
    driver.validate({});
    driver.validate({ ttl: "7" });
    assert.throws(() => driver.validate({ nonsense: "1" }), {
      code: "invalid",
      message: /^Unknown option "nonsense" of the driver "\w+"; known: .*ttl/,
    });
    assert.throws(() => driver.validate({ ttl: "soon" }), {
      code: "invalid",
      message: /ttl="soon"/,
    });
    return Promise.resolve();
  },

  "reconcile() of nothing does nothing": async ({ driver, ...subject }) => {
    const { removed, failed } = await driver.reconcile([]);
    assert.deepEqual({ removed, failed }, { removed: [], failed: [] });
    assert.deepEqual(await subject.objects(), []);
  },
};
