import { defineConfig } from "../../src/deploy/config.ts";
import { CONFIG } from "./stage.ts";

export default defineConfig({ ...CONFIG, serviceUsers: { connection: "api-key-service-users" } });
