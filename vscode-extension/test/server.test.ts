import assert from "node:assert/strict";
import { test } from "node:test";
import { expand, findServer, parseProbe, type Probe, type Sources } from "../src/server";

const GOOD: Probe = { version: [3, 12], installed: true };
const BARE: Probe = { version: [3, 12], installed: false };
const OLD: Probe = { version: [3, 8], installed: true };

const nothing: Sources = { path: [], interpreter: "", selected: undefined, onPath: ["python3", "python"] };

const cases: [string, Partial<Sources>, Record<string, Probe>, string | RegExp][] = [
  ["a command is taken as it is", { path: ["tensight", "server"], interpreter: "p" }, {}, "tensight server"],
  ["the setting comes before the selected one", { interpreter: "a", selected: "b" }, { a: GOOD, b: GOOD }, "a -P -m"],
  ["a setting that does not work is not replaced", { interpreter: "a" }, { a: BARE, python3: GOOD }, /not installed in a: .*pip/],
  ["the selected one comes before the path", { selected: "b" }, { b: GOOD, python3: GOOD }, "b -P -m"],
  ["the path helps if the selected one has no server", { selected: "b" }, { b: BARE, python3: GOOD }, "python3 -P -m"],
  ["python after python3", {}, { python: GOOD }, "python -P -m"],
  ["an old one is told by its version", { selected: "b" }, { b: OLD }, /b is Python 3\.8; Tensight needs 3\.11/],
  ["one that does not run", { interpreter: "gone" }, {}, /gone cannot be run/],
  ["the first problem is told", { selected: "b" }, { b: BARE }, /not installed in b/],
  ["nothing anywhere", { onPath: [] }, {}, /No Python was found/],
];

for (const [name, sources, known, expected] of cases) {
  test(`finding the server: ${name}`, async () => {
    const found = await findServer({ ...nothing, ...sources }, "info", async (interpreter) => known[interpreter]);
    if (expected instanceof RegExp) {
      assert.ok("problem" in found, JSON.stringify(found));
      assert.match(found.problem, expected);
    } else {
      assert.ok("command" in found, JSON.stringify(found));
      assert.ok([found.command.program, ...found.command.args].join(" ").startsWith(expected));
    }
  });
}

test("the log level is handed on", async () => {
  const found = await findServer({ ...nothing, interpreter: "p" }, "debug", async () => GOOD);
  assert.ok("command" in found && found.command.args.join(" ").endsWith("--log-level debug"));
});

test("what an interpreter says", () => {
  assert.deepEqual(parseProbe("3 12 1\n"), GOOD);
  assert.deepEqual(parseProbe("a warning of some start-up file\n3 12 0\r\n"), BARE);
  for (const nonsense of ["", "Python 3.12", "3 12", "3 12 2"]) {
    assert.equal(parseProbe(nonsense), undefined);
  }
});

test("variables in settings", () => {
  const env = { VENV: "/v" };
  assert.equal(expand("${workspaceFolder}/.venv/bin/python", "/w", "/h", env), "/w/.venv/bin/python");
  assert.equal(expand("${userHome}/p ${env:VENV} ${env:NONE}", undefined, "/h", env), "/h/p /v ");
  assert.equal(expand("~/p", "/w", "/h", env), "/h/p");
  assert.equal(expand("a~b", "/w", "/h", env), "a~b");
});
