import { readFile } from "node:fs/promises";

import { expect, test } from "vitest";

import { PERMISSIONS } from "../../src/deploy/permissions.ts";
import { SERVICE_USER_PERMISSIONS } from "../../src/stores/service-users.ts";

const permissionsIn = async (file: string) =>
  [...(await readFile(file, "utf8")).matchAll(/`((?:read|create|update|delete):[a-z_]+)`/g)].map(
    ([, name]) => name ?? "",
  );

test("docs/DEPLOY.md names exactly the permissions that the doctor asks for", async () => {
  const named = await permissionsIn("docs/DEPLOY.md");
  expect(named.toSorted()).toEqual(Object.values(PERMISSIONS).flat().toSorted());
});

test("docs/ORGANIZATIONS.md names exactly the permissions that service users need beside them", async () => {
  const named = await permissionsIn("docs/ORGANIZATIONS.md");
  expect(named.toSorted()).toEqual(SERVICE_USER_PERMISSIONS.toSorted());
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
