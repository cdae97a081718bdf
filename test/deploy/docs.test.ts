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
