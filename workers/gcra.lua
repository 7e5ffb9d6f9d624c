-- Takes one place in every limit of KEYS, or in none: the generic cell rate algorithm without a
-- burst. Redis's own clock decides, in microseconds.
--
-- KEYS[i]   the time at which the limit's next place begins (expires once it is past)
-- ARGV[i]   microseconds between two places of KEYS[i]
-- ARGV[n+1] the longest wait, in microseconds, for which a place is taken
-- returns   {taken (1 or 0), microseconds to wait until the place, or until it is worth asking}
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local start = now
for _, key in ipairs(KEYS) do
  start = math.max(start, tonumber(redis.call('GET', key) or 0))
end
local wait = start - now
if wait > tonumber(ARGV[#KEYS + 1]) then
  return {0, wait}
end
for i, key in ipairs(KEYS) do
  local next_place = start + tonumber(ARGV[i])
  redis.call('SET', key, string.format('%.0f', next_place), 'PX', math.ceil((next_place - now) / 1000) + 1000)
end
return {1, wait}
