/**
 * The two scripts that run in Redis, as text: src/stores sends them, and the local tenant's engine in memory knows them.
 * They are for what no single command can do: write only where nothing has changed since it was read.
 */

/** Upstash: without it a script locks the whole database; Redis itself refuses it. */
export const KEY_LOCKING_HEADER = "#!lua flags=allow-key-locking\n";

/**
 * Writes or deletes texts where each still is what was read. `KEYS`: the fence, then the texts' keys. `ARGV`: `any`, or
 * `is:` and what the fence must hold; then for each text what was read, what it becomes (each empty for none), its
 * expiry (`none`, `at`, `keep`, or `cap` for one that has none yet), and the second of it. Answers -1 if the fence is
 * not as it must be, else 1 or 0 for each text. A text that already is what it is to become is a 1: an answer was lost.
 */
export const CHANGE_SCRIPT = `
local present = redis.call('MGET', unpack(KEYS))
if ARGV[1] ~= 'any' and 'is:' .. (present[1] or '') ~= ARGV[1] then return -1 end
local done = {}
for at = 2, #KEYS do
  local held, i = present[at] or '', at * 4 - 6
  local expected, text, expiry, second = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  done[at - 1] = 1
  if held ~= expected then
    if held ~= text then done[at - 1] = 0 end
  elseif text == '' then
    redis.call('DEL', KEYS[at])
  elseif expiry == 'none' then
    redis.call('SET', KEYS[at], text)
  elseif expiry == 'at' then
    redis.call('SET', KEYS[at], text, 'EXAT', second)
  else
    redis.call('SET', KEYS[at], text, 'KEEPTTL')
    if expiry == 'cap' and redis.call('TTL', KEYS[at]) == -1 then
      redis.call('EXPIRE', KEYS[at], second)
    end
  end
end
return done
`;

/** Deletes a lock if it still holds our token: `KEYS` the lock, `ARGV` the token. Answers 1 if it did. */
export const RELEASE_SCRIPT = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`;
