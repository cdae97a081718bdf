import { requireText } from "./arguments.ts";

/** What post-login Actions asked for, all of them together. */
export interface LoginCommands {
  denial: string | undefined;
  /** Changes to the scopes of the access token: the last call for a scope wins. */
  readonly scopes: Map<string, "add" | "remove">;
  readonly customClaims: Map<string, unknown>;
}

const MAX_SCOPE = 280;

/** The `api` object of the trigger post-login, v3. `addScope` and `removeScope` return nothing, the others the api. */
export function postLoginApi(): { readonly api: object; readonly commands: LoginCommands } {
  const commands: LoginCommands = { denial: undefined, scopes: new Map(), customClaims: new Map() };
  const change = (method: "addScope" | "removeScope") => (scope: unknown) => {
    requireText(method, "scope", typeof scope === "string" ? scope.trim() : scope, MAX_SCOPE);
    const trimmed = String(scope).trim();
    if (/\s/.test(trimmed)) throw new Error(`Invalid ${method} arguments: scope must NOT contain whitespace`);
    commands.scopes.set(trimmed, method === "addScope" ? "add" : "remove");
  };
  const api = {
    access: {
      deny(reason: unknown) {
        requireText("deny", "reason", reason, 1024);
        commands.denial ??= reason;
        return api;
      },
    },
    accessToken: {
      addScope: change("addScope"),
      removeScope: change("removeScope"),
      setCustomClaim(name: unknown, value: unknown) {
        requireText("setCustomClaim", "name", name, 1024);
        if (name === "scope") throw new Error('The "scope" claim cannot be set.');
        commands.customClaims.set(name, value);
        return api;
      },
    },
  };
  return { api, commands };
}
