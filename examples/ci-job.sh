#!/usr/bin/env bash
# A CI job: one secret, API_KEY, and curl. The settings are in the environment too: AUTH0_DOMAIN, API_KEY_CLIENT_ID,
# API_KEY_SUBJECT_TOKEN_TYPE, API_KEY_AUDIENCE, API_KEY_SCOPE. The token is cached: call it as often as is handy.
set -euo pipefail

get() {
  # Neither key nor token is an argument, which other users of the machine could see.
  curl --silent --fail --config <(auth0-api-keys token --curl) "$API_URL$1"
}

get /me
echo
get /things
echo
