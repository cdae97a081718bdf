/** What the machine-to-machine application needs on the Management API, and what for. */
export const PERMISSIONS: Readonly<Record<string, readonly string[]>> = {
  "API keys": ["read:users", "update:users"],
  Actions: ["read:actions", "create:actions", "update:actions", "delete:actions"],
  "token exchange profiles": [
    "read:token_exchange_profiles",
    "create:token_exchange_profiles",
    "update:token_exchange_profiles",
    "delete:token_exchange_profiles",
  ],
  APIs: [
    "read:resource_servers",
    "create:resource_servers",
    "update:resource_servers",
    "delete:resource_servers",
  ],
  clients: ["read:clients", "update:clients"],
  "attack protection": ["read:attack_protection", "update:attack_protection"],
  doctor: ["read:connections", "read:mfa_policies"],
};
