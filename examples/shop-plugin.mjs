// A plugin of a web shop, whose merchants paste one string. It knows a key and a URL, and nothing of Auth0.
const { API_KEY = "", API_URL } = process.env;

const answer = await fetch(`${API_URL}/things`, { headers: { "x-api-key": API_KEY } });
process.stdout.write(`${answer.status} ${await answer.text()}\n`);
