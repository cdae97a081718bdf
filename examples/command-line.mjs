// A command-line program of yours: its users set API_KEY, and every run shares one token.
import { ApiKeyTokenSource } from "auth0-api-keys/client";
import { defaultCacheFolder, fileTokenCache } from "auth0-api-keys/client/node";

const { API_KEY = "", API_URL, CLIENT_ID, ISSUER, SUBJECT_TOKEN_TYPE } = process.env;
const source = new ApiKeyTokenSource({
  token_endpoint: `${ISSUER}oauth/token`,
  client_id: CLIENT_ID,
  subject_token_type: SUBJECT_TOKEN_TYPE,
  cache: fileTokenCache({ folder: defaultCacheFolder(process.env) }),
  // This process ends right away: a refresh that is due is waited for.
  refresh: "inline",
});

try {
  const { access_token } = await source.getToken({
    apiKey: API_KEY,
    audience: "https://api.acme.example",
    scope: "read:things",
  });
  const answer = await fetch(`${API_URL}/things`, { headers: { authorization: `Bearer ${access_token}` } });
  process.stdout.write(`${await answer.text()}\n`);
} catch (error) {
  // An ExchangeError: `code` and `retryable` are for programs, `message` and `fix` for people.
  process.stderr.write(`${error.message} ${error.fix ?? ""}\n`);
  process.exitCode = 1;
}
