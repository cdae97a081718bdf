import { readFile } from "node:fs/promises";

import { expect, test } from "vitest";

import { PERMISSIONS } from "../../src/deploy/permissions.ts";

test("docs/DEPLOY.md names exactly the permissions that the doctor asks for", async () => {
  const text = await readFile("docs/DEPLOY.md", "utf8");
  const named = [...text.matchAll(/`((?:read|create|update|delete):[a-z_]+)`/g)].map(
    ([, name]) => name ?? "",
  );
  expect(named.toSorted()).toEqual(Object.values(PERMISSIONS).flat().toSorted());
});

test("docs/deploy-workflow.yml sets every variable that a deployment reads, and no secret in plain", async () => {
  const [workflow, guide] = await Promise.all(
    ["docs/deploy-workflow.yml", "docs/DEPLOY.md"].map(async (file) => readFile(file, "utf8")),
  );
  const names = [...(guide ?? "").matchAll(/^\| `([A-Z0-9_]+)`/gm)].map(([, name]) => name ?? "");
  const needed = names.filter((name) => name !== "VERIFY_CLIENT_SECRET");
  expect(needed.length).toBe(7);
  for (const name of needed)
    expect(workflow).toMatch(new RegExp(`^  ${name}: \\$\\{\\{ (vars|secrets)\\.${name} \\}\\}$`, "m"));
});
