import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const manifest = JSON.parse(readFileSync("package.json", "utf8"));
const source = readFileSync("src/extension.ts", "utf8");
const readme = readFileSync("README.md", "utf8");
const settings: Record<string, { scope: string; description?: string; markdownDescription?: string }> =
  manifest.contributes.configuration.properties;

test("every command is registered, and only those", () => {
  const declared = manifest.contributes.commands.map((c: { command: string }) => c.command).sort();
  const registered = [...source.matchAll(/registerCommand\("([^"]+)"/g)].map((match) => match[1]).sort();
  assert.deepEqual(registered, declared);
});

test("every setting is described, here and in the README", () => {
  for (const [name, setting] of Object.entries(settings)) {
    assert.ok(setting.description || setting.markdownDescription, name);
    assert.ok(readme.includes(name) || readme.includes(`\`.${name.split(".").at(-1)}\``), name);
  }
});

test("what names a program to run belongs to the machine, and an untrusted workspace cannot set it", () => {
  for (const name of ["tensight.path", "tensight.interpreter"]) {
    assert.equal(settings[name].scope, "machine-overridable");
    assert.ok(manifest.capabilities.untrustedWorkspaces.restrictedConfigurations.includes(name));
  }
});

test("the lock file names no machine of ours", () => {
  const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
  for (const [name, entry] of Object.entries<{ resolved?: string }>(lock.packages)) {
    if (name && entry.resolved) {
      assert.ok(entry.resolved.startsWith("https://registry.npmjs.org/"), entry.resolved);
    }
  }
});

test("no other extension is required", () => {
  assert.equal(manifest.extensionDependencies, undefined);
});
