import { Auth0ApiKeysElement } from "./api-keys-element.ts";

export { Auth0ApiKeysElement, type ApiKeyShownDetail } from "./api-keys-element.ts";
export type { GetAccessToken } from "./api-client.ts";
export { STRINGS, type Strings } from "./strings.ts";

if (!customElements.get("auth0-api-keys")) customElements.define("auth0-api-keys", Auth0ApiKeysElement);

declare global {
  interface HTMLElementTagNameMap {
    "auth0-api-keys": Auth0ApiKeysElement;
  }
}
