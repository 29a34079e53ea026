import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Serial } from "../src/serial";

test("many requests at once are one run, and never two at a time", async () => {
  let runs = 0;
  let inside = 0;
  let most = 0;
  const serial = new Serial(async () => {
    runs += 1;
    inside += 1;
    most = Math.max(most, inside);
    await sleep(5);
    inside -= 1;
  }, 1);
  await Promise.all([serial.now(), serial.now(), serial.now()]);
  assert.equal(runs, 2); // the first, and one more for those that came while it ran
  assert.equal(most, 1);
});

test("later waits for quiet, and stop forgets it", async () => {
  let runs = 0;
  const serial = new Serial(async () => {
    runs += 1;
  }, 10);
  serial.later();
  serial.later();
  serial.later();
  await sleep(60);
  assert.equal(runs, 1);
  serial.later();
  serial.stop();
  await sleep(30);
  assert.equal(runs, 1);
});

test("a failure does not end it", async () => {
  let runs = 0;
  const serial = new Serial(async () => {
    runs += 1;
    throw new Error("no");
  }, 1);
  await serial.now();
  await serial.now();
  assert.equal(runs, 2);
});
