import { randomBytes } from "node:crypto";

import { expect, test } from "vitest";

import { deriveSlot } from "../../src/client/cache-slot.ts";
import { openToken, sealToken } from "../../src/client/sealed-token.ts";
import { ApiKey } from "../../src/core/api-key.ts";
import { withPromptCrypto } from "../../src/simulate/prompt-crypto.ts";

const KEY = ApiKey.generate("acme_live", randomBytes);
const TOKEN = {
  access_token: "token",
  token_type: "Bearer",
  scope: "read:things",
  obtainedAtSeconds: 1,
  expiresAtSeconds: 2,
} as const;

test("the model's crypto computes what WebCrypto does: slots are the same, and each opens what the other sealed", async () => {
  const slot = await deriveSlot(KEY, "use");
  const sealed = await sealToken(slot, TOKEN);
  const prompt = await withPromptCrypto(async () => ({
    slot: await deriveSlot(KEY, "use"),
    opened: await openToken(slot, sealed),
    altered: await openToken(slot, `${sealed.slice(0, -3)}AAA`),
    sealed: await sealToken(slot, TOKEN),
  }));
  expect(prompt.slot).toEqual(slot);
  expect(prompt.opened).toEqual(TOKEN);
  expect(prompt.altered).toBeUndefined();
  expect(await openToken(slot, prompt.sealed)).toEqual(TOKEN);
});

test("it needs no turn of the event loop, and is gone afterwards", async () => {
  const { subtle } = crypto;
  const before = Object.getOwnPropertyNames(subtle);
  let turns = 0;
  await withPromptCrypto(async () => {
    const immediate = setImmediate(() => turns++);
    const slot = await deriveSlot(KEY, "use");
    await openToken(slot, await sealToken(slot, TOKEN));
    clearImmediate(immediate);
  });
  expect(turns).toBe(0);
  expect(Object.getOwnPropertyNames(subtle)).toEqual(before);
});
