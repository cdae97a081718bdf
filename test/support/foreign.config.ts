import { defineConfig } from "../../src/deploy/config.ts";
import { CONFIG } from "./stage.ts";

export default defineConfig({ ...CONFIG, policy: { allowNoExpiry: true, acceptForeignKeys: true } });
