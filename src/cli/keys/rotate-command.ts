import { InvalidArgumentError, Option } from "commander";

import { cancelRotation, endOverlap, rotateKey } from "../../keys/rotate.ts";
import { wholeNumber, type CommandKit, type UserOptions } from "./command-kit.ts";
import { requireShown } from "./require-shown.ts";
import { keyLines, presentKey } from "./present-key.ts";

interface RotateOptions extends UserOptions {
  readonly overlap: number;
  readonly cancel?: true;
  readonly now?: true;
  readonly expiresInDays?: number;
  readonly expiry: boolean;
}

const UNIT_SECONDS = { m: 60, h: 3_600, d: 86_400 } as const;

/** `keys rotate`. */
export function addRotateCommand(kit: CommandKit): void {
  kit
    .addForUser(
      "rotate <key-id>",
      "give a key a new secret and print it, this once; the old one works for a while",
    )
    .addOption(
      new Option("--overlap <duration>", "how long the old secret still works: 0 to 7d")
        .default(86_400, "24h")
        .argParser(seconds),
    )
    .addOption(new Option("--cancel", "withdraw the new secret").conflicts(["now", "overlap"]))
    .addOption(
      new Option("--now", "end the overlap: the old secret stops working").conflicts(["cancel", "overlap"]),
    )
    .addOption(
      new Option("--expires-in-days <days>", "a new lifetime (default: as before, if the policy allows that)")
        .argParser(wholeNumber)
        .conflicts("expiry"),
    )
    .option("--no-expiry", "let it live until it is revoked, if the policy allows that")
    .action(async (keyId: string, options: RotateOptions) => {
      const keys = await kit.open(options);
      if (options.cancel || options.now) {
        const change = options.cancel ? cancelRotation : endOverlap;
        const { after } = await change(keys, options.user, keyId);
        const presented = presentKey(keys, options.user, after);
        const said = options.cancel ? "The new secret was withdrawn" : "The old secret has ended";
        return kit.print(options, presented, `${said}. Key ${keyId} has one secret again.\n`);
      }
      const lifetimeDays = options.expiry ? options.expiresInDays : "never";
      const { apiKey, entry } = await rotateKey(keys, options.user, keyId, {
        overlapSeconds: options.overlap,
        ...(lifetimeDays !== undefined && { lifetimeDays }),
      });
      const presented = presentKey(keys, options.user, entry);
      kit.io.stderr(`${keyLines(presented)}This is the only time that the new key is shown.\n`);
      kit.print(options, { key: apiKey.reveal(), ...presented }, `${apiKey.reveal()}\n`);
      return requireShown(kit.io, async () => {
        if (options.overlap === 0)
          return "Nobody has the new secret, and the old one has ended: rotate the key again.";
        await cancelRotation(keys, options.user, keyId);
        return "The rotation was cancelled: the old secret is the key's again.";
      });
    });
}

/** A duration such as `30m`, `24h`, `7d` or `0`, in seconds. */
export function seconds(text: string): number {
  const [, amount, unit] = /^(\d{1,6})(m|h|d)$/.exec(text) ?? [];
  if (amount !== undefined) return Number(amount) * UNIT_SECONDS[unit as keyof typeof UNIT_SECONDS];
  if (text === "0") return 0;
  throw new InvalidArgumentError("It must be a duration such as 30m, 24h or 7d, or 0.");
}
